import Authority
import Messages
import Payments
import Seals

/// Makes the signed preset destination of terminals.
struct ProfileMaker: Sendable {
  let identity: ServiceIdentity
  let folder: DataFolder
  let destination: PublicDestination

  /// - Parameters:
  ///   - gateway: the hop; nil: the service itself.
  ///   - now: milliseconds since 1970-01-01T00:00:00Z.
  func make(gateway: GatewayRow? = nil, now: Int64) throws -> SignedProfile {
    var profile = Profile()
    profile.serviceName = identity.serviceName
    profile.rootFingerprint = identity.root.fingerprint.bytes
    profile.hopHost = gateway?.host ?? destination.host
    profile.hopPort = UInt32(gateway?.port ?? destination.port)
    profile.hopDnsName = gateway?.dnsName ?? destination.dnsName
    profile.hopRole = gateway == nil ? .server : .gateway
    if destination.networkPort > 0 {
      profile.networkHost = destination.host
      profile.networkPort = UInt32(destination.networkPort)
      profile.networkDnsName = destination.dnsName
    }
    // Neither part ever decreases, so the sum does not.
    profile.number = destination.number + UInt64(gateway?.number ?? 0)
    profile.notAfterMs = UInt64(now + Lifetime.profile * 1_000)
    let signer = try folder.sealingSigner()
    var signed = SignedProfile()
    signed.profile = profile.encoded()
    signed.signature = try signer.key.sign(SigningInput.profile(signed.profile))
    signed.chain = signer.chain.map(\.der)
    return signed
  }
}
