import Bytes
import Cryptography
import Messages
import Seals

/// A program's description after its signature was verified under the service's root.
///
/// Source: docs/security.md, "Bundles".
public struct TrustedBundle: Sendable {
  public let name: BundleName
  /// Bytes of the program.
  public let size: UInt64
  /// SHA-256 of the program.
  public let digest: Bytes32
  /// When it was signed, milliseconds since 1970-01-01T00:00:00Z.
  public let signedAt: Int64
  /// The signer's certificate first, the root last.
  public let chain: [Certificate]

  /// - Parameters:
  ///   - signed: as it came.
  ///   - pinned: SHA-256 of the root's DER; the chain must hold that certificate.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  /// - Throws: ``BundleRefusal``.
  public init(_ signed: [UInt8], pinned: Bytes32, now: Int64) throws(BundleRefusal) {
    guard signed.count <= BundleLimits.largestDescription else { throw BundleRefusal("is too large") }
    let message: SignedBundle
    do {
      message = try SignedBundle(decoding: signed)
    } catch {
      throw BundleRefusal("does not decode: \(error)")
    }
    chain = try Self.chain(message.chain, pinned, now)
    guard chain[0].publicKey.isValid(signature: message.signature, for: SigningInput.bundle(message.bundle)) else {
      throw BundleRefusal("has a signature that does not fit; it was altered or is another service's")
    }
    let bundle: Bundle
    do {
      bundle = try Bundle(decoding: message.bundle, rules: .signed)
    } catch {
      throw BundleRefusal("does not decode: \(error)")
    }
    guard let program = DeliveredProgram(rawValue: bundle.program), let version = ProgramVersion(bundle.version),
      let platform = ProgramPlatform(bundle.platform)
    else {
      throw BundleRefusal("is for \(bundle.program) \(bundle.version) on \(bundle.platform), which is not known here")
    }
    guard let digest = Bytes32(bundle.sha256), (1...BundleLimits.largestProgram).contains(bundle.size) else {
      throw BundleRefusal("has a wrong size or no SHA-256")
    }
    name = BundleName(program: program, version: version, platform: platform)
    size = bundle.size
    self.digest = digest
    signedAt = Int64(clamping: bundle.signedAtMs)
  }

  private static func chain(_ ders: [[UInt8]], _ pinned: Bytes32, _ now: Int64) throws(BundleRefusal) -> [Certificate] {
    do {
      let chain = try ders.prefix(CertificatePath.largestLoginChain).map { try Certificate(der: $0) }
      guard let root = chain.last(where: { $0.fingerprint == pinned }) else {
        throw BundleRefusal("has a chain that does not lead to the service's root")
      }
      try CertificatePath.verify(chain: chain, anchors: [root], role: .bundle, at: now, dnsName: nil)
      return chain
    } catch let refusal as BundleRefusal {
      throw refusal
    } catch {
      throw BundleRefusal("has a chain that is refused: \(error)")
    }
  }
}

/// Why a program's description is not trusted; follows "the description" in a sentence.
public struct BundleRefusal: Error, Sendable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
