import Authority
import Bytes
import CountersignRPC
import Cryptography
import Messages
import Seals
import TLS

/// The preset destination after its signature was verified under the pinned root.
public struct TrustedProfile: Sendable {
  public let profile: Profile
  /// The pinned root itself.
  package let root: Certificate

  public var rootFingerprint: Bytes32 { root.fingerprint }

  /// - Parameters:
  ///   - pinned: SHA-256 of the root's DER, from the token or from beside the consultant's key.
  ///   - wall: milliseconds since 1970-01-01T00:00:00Z.
  ///   - isKept: whether it was trusted before and stands in a file since. It outlives the certificate that signed it,
  ///     which is renewed every few weeks: that one need not be valid any more, but must have been.
  /// - Throws: ``TerminalError/untrusted(_:)``.
  package init(
    _ signed: SignedProfile, pinned: Bytes32, wall: Int64, isKept: Bool = false
  ) throws(TerminalError) {
    let chain = try ServiceChain.verify(signed.chain, pinned: pinned, wall: wall, what: "profile", isKept: isKept)
    guard chain.leaf.publicKey.isValid(signature: signed.signature, for: SigningInput.profile(signed.profile)) else {
      throw .untrusted("the profile's signature does not fit; it was altered or is another service's")
    }
    let profile: Profile
    do {
      profile = try Profile(decoding: signed.profile, rules: .signed)
    } catch {
      throw .untrusted("the profile does not decode: \(error)")
    }
    guard profile.rootFingerprint == pinned.bytes, !profile.serviceName.isEmpty, !profile.hopHost.isEmpty,
      (1...65_535).contains(profile.hopPort), !profile.hopDnsName.isEmpty
    else { throw .untrusted("the profile names another root or lacks its destination") }
    guard wall <= Int64(clamping: profile.notAfterMs) else {
      throw .untrusted(
        "the profile ended \(Self.time(profile.notAfterMs)) and this machine's clock says \(Self.time(UInt64(wall))): "
          + "set the clock right if that is wrong, else enrol again with --replace")
    }
    // What was signed while the certificate was valid ends so long after it at the latest.
    guard Int64(clamping: profile.notAfterMs) <= (chain.leaf.notAfter + Lifetime.profile) * 1_000 else {
      throw .untrusted("the profile outlives the certificate that signed it by more than 90 days")
    }
    self.profile = profile
    root = chain.root
  }

  private static func time(_ milliseconds: UInt64) -> String { RFC3339.text(seconds: Int64(milliseconds / 1_000)) }

  /// How the hop's TLS certificate is verified.
  package func verification() throws(TerminalError) -> ServerVerification {
    let role: Role
    switch profile.hopRole {
    case .server: role = .server
    case .gateway: role = .gateway
    default: throw .untrusted("the profile names a hop that this program does not know; update it")
    }
    return ServerVerification(rootFingerprint: rootFingerprint, dnsName: profile.hopDnsName, role: role)
  }
}

/// A sealing key after its signature was verified under the pinned root.
struct TrustedSealingKey: Sendable {
  let id: [UInt8]
  let publicKey: [UInt8]
  let serviceName: String

  /// - Parameter known: under this root; keeps the service's path.
  init(
    _ signed: SignedSealingKey, pinned: Bytes32, root: Certificate, known: KnownPaths = KnownPaths(), wall: Int64
  ) throws(TerminalError) {
    let chain = try ServiceChain.verify(
      signed.chain + [root.der], pinned: pinned, known: known, wall: wall, what: "sealing key")
    guard chain.leaf.publicKey.isValid(signature: signed.signature, for: SigningInput.sealingKey(signed.sealingKey))
    else { throw .untrusted("the sealing key's signature does not fit; it is not the service's") }
    let key: SealingKey
    do {
      key = try SealingKey(decoding: signed.sealingKey, rules: .signed)
    } catch {
      throw .untrusted("the sealing key does not decode: \(error)")
    }
    guard key.id.count == 8, key.publicKey.count == 32 else { throw .untrusted("the sealing key has a wrong length") }
    let leeway: Int64 = 300_000
    guard wall + leeway >= Int64(clamping: key.notBeforeMs), wall - leeway <= Int64(clamping: key.notAfterMs) else {
      throw .untrusted("the sealing key is not valid now; is this machine's clock right?")
    }
    id = key.id
    publicKey = key.publicKey
    serviceName = key.serviceName
  }
}

/// Chains of the service's sealing certificate.
enum ServiceChain {
  /// - Parameters:
  ///   - known: paths under this root that need not be verified again; keeps one that was found good.
  ///   - isKept: whether the leaf may be over.
  /// - Returns: leaf and root of a chain whose root has the pinned fingerprint and whose leaf has role `sealing`.
  /// - Throws: ``TerminalError/untrusted(_:)``.
  static func verify(
    _ ders: [[UInt8]], pinned: Bytes32, known: KnownPaths = KnownPaths(), wall: Int64, what: String,
    isKept: Bool = false
  ) throws(TerminalError) -> (leaf: Certificate, root: Certificate) {
    do {
      let chain = try LoginChain(ders, role: .sealing, at: wall / 1_000, known: known)
      guard let root = chain.certificates.last(where: { $0.fingerprint == pinned }) else {
        throw TerminalError.untrusted("the \(what)'s chain does not lead to the pinned root")
      }
      let time = isKept ? min(wall / 1_000, chain.leaf.notAfter) : wall / 1_000
      let path = try chain.path { certificates throws(CertificateRefusal) in
        try CertificatePath.verify(chain: certificates, anchors: [root], role: .sealing, at: time, dnsName: nil)
      }
      chain.keep(path, in: known)
      return (chain.leaf, root)
    } catch let error as TerminalError {
      throw error
    } catch let refusal as CertificateRefusal {
      throw TerminalError(refusal, of: "the \(what)'s chain")
    } catch {
      throw .untrusted("the \(what)'s chain is refused: \(error)")
    }
  }
}
