import Messages
import Seals

/// Makes the signed preset destination of terminals.
struct ProfileMaker: Sendable {
  /// Milliseconds for which a profile is good: as long as a consultant's certificate.
  static let lifetime: Int64 = 90 * 24 * 3_600_000

  let identity: ServiceIdentity
  let folder: DataFolder
  let destination: PublicDestination

  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  func make(now: Int64) throws -> SignedProfile {
    var profile = Profile()
    profile.serviceName = identity.serviceName
    profile.rootFingerprint = identity.root.fingerprint.bytes
    profile.hopHost = destination.host
    profile.hopPort = UInt32(destination.port)
    profile.hopDnsName = destination.dnsName
    profile.hopRole = .server
    profile.number = destination.number
    profile.notAfterMs = UInt64(now + Self.lifetime)
    let signer = try folder.sealingSigner()
    var signed = SignedProfile()
    signed.profile = profile.encoded()
    signed.signature = try signer.key.sign(SigningInput.profile(signed.profile))
    signed.chain = signer.chain.map(\.der)
    return signed
  }
}
