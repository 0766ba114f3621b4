import Authority
import Bundles
import Bytes
import CLinux
import Cryptography
import Files
import Messages
import Seals

/// Signs programs and puts them where the network service finds them.
///
/// ```
/// bundle/chain.pem key.pem         signs bundles, root last; made at first use
/// bundles/NAME                     the program; NAME is PROGRAM-VERSION-PLATFORM
/// bundles/NAME.sig                 the signature over its bytes
/// bundles/NAME.signed              serialized SignedBundle, written last
/// ```
/// Source: docs/security.md, "Bundles".
public struct Bundling: Sendable {
  private let folder: DataFolder
  /// Milliseconds since 1970-01-01T00:00:00Z.
  private let now: Int64

  public init(folder: DataFolder, now: Int64) {
    self.folder = folder
    self.now = now
  }

  /// Signs a program and offers it. The same file signed again gets a new signature, with the present certificate.
  ///
  /// - Parameters:
  ///   - file: an executable for Linux that says `PROGRAM VERSION` of itself.
  ///   - version: higher than every one that is offered for its platform, or one that is there with the same bytes.
  /// - Throws: ``BundlingError`` that says what is wrong with the file, `FileError`, `CryptographyError`.
  public func add(_ program: DeliveredProgram, file: String, version: ProgramVersion) throws -> TrustedBundle {
    let bytes = try Files.read(file, limit: Int(BundleLimits.largestProgram))
    guard let platform = ProgramPlatform(ofELF: bytes.prefix(20)) else { throw BundlingError.noProgram(file) }
    guard bytes.contains(text: "\(program.rawValue) \(version)") else {
      throw BundlingError.otherVersion(file, "\(program.rawValue) \(version)")
    }
    let name = BundleName(program: program, version: version, platform: platform)
    try checkNewest(name, bytes)
    let signer = try signer()
    let description = try describe(name, bytes, signer)
    let bundle = try TrustedBundle(description, pinned: signer.root.fingerprint, now: now / 1_000)
    try Files.makeFolder(path())
    try Files.write(bytes, to: path(name.file), mode: 0o644)
    try Files.write(try signer.key.sign(bytes), to: path(name.signature), mode: 0o644)
    try Files.write(description, to: path(name.description), mode: 0o644)
    return bundle
  }

  private func path(_ name: String? = nil) -> String { folder.file("bundles") + (name.map { "/\($0)" } ?? "") }

  private func describe(_ name: BundleName, _ bytes: [UInt8], _ signer: Signer) throws -> [UInt8] {
    var bundle = Bundle()
    bundle.program = name.program.rawValue
    bundle.version = "\(name.version)"
    bundle.platform = "\(name.platform)"
    bundle.size = UInt64(bytes.count)
    bundle.sha256 = SHA256.digest(bytes).bytes
    bundle.signedAtMs = UInt64(now)
    var signed = SignedBundle()
    signed.bundle = bundle.encoded()
    signed.signature = try signer.key.sign(SigningInput.bundle(signed.bundle))
    signed.chain = signer.chain.map(\.der)
    return signed.encoded()
  }

  /// Versions are never used twice, and one that is lower than another would reach nobody.
  private func checkNewest(_ name: BundleName, _ bytes: [UInt8]) throws {
    if Files.exists(path(name.file)), Files.exists(path(name.description)) {
      let present = try Files.read(path(name.file), limit: Int(BundleLimits.largestProgram))
      guard present == bytes else { throw BundlingError.versionUsed(name.file) }
      return
    }
    guard Files.exists(path()) else { return }
    let suffix = "-\(name.platform).signed"
    let versions = try Files.names(in: path()).compactMap { file -> ProgramVersion? in
      guard file.hasPrefix("\(name.program.rawValue)-"), file.hasSuffix(suffix) else { return nil }
      return ProgramVersion(file.dropFirst(name.program.rawValue.count + 1).dropLast(suffix.count))
    }
    if let newest = versions.max(), newest > name.version { throw BundlingError.older(name.version, newest) }
  }
}

// MARK: - Signer

extension Bundling {
  private struct Signer {
    let key: PrivateKey
    /// Leaf with role `bundle` first, root last.
    let chain: [Certificate]
    let root: Certificate
  }

  /// Certificate and key that sign bundles; made at first use, and issued anew where it is to be renewed.
  private func signer() throws -> Signer {
    let key: PrivateKey
    if Files.exists(folder.file("bundle/key.pem")) {
      key = try folder.key("bundle/key.pem")
    } else {
      key = PrivateKey.generate(.p256)
      try Files.makeFolder(folder.file("bundle"))
      try folder.write(key: key, to: "bundle/key.pem")
    }
    var chain = Files.exists(folder.file("bundle/chain.pem")) ? try folder.chain("bundle/chain.pem") : []
    if chain.first.map({ $0.publicKey != key.publicKey || $0.isToBeRenewed(at: now / 1_000) }) ?? true {
      chain = try issue(key)
      try folder.write(chain: chain, to: "bundle/chain.pem")
    }
    return Signer(key: key, chain: chain, root: try folder.chain("authority/root.pem")[0])
  }

  private func issue(_ key: PrivateKey) throws -> [Certificate] {
    let issuer = try folder.issuer()
    let service = try folder.chain("authority/root.pem")[0].commonName ?? "service"
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: key, commonName: "bundles", organisation: nil))
    let leaf = try issuer.issue(
      request, role: .bundle, commonName: "\(service) bundles", organisation: nil, now: now / 1_000)
    return [leaf] + issuer.chain
  }
}

/// Why a program was not signed.
public enum BundlingError: Error, Sendable, CustomStringConvertible {
  case noProgram(String)
  case otherVersion(String, String)
  case versionUsed(String)
  case older(ProgramVersion, ProgramVersion)

  public var description: String {
    switch self {
    case .noProgram(let file): "\(file) is no program for 64-bit Linux on x86_64 or aarch64"
    case .otherVersion(let file, let text): "\(file) does not say \"\(text)\" of itself; name its own --release"
    case .versionUsed(let name): "\(name) is there already with other bytes; a version is used once, raise it"
    case .older(let version, let newest):
      "version \(version) is lower than \(newest), which is offered; terminals would refuse it"
    }
  }
}

extension [UInt8] {
  /// Whether the bytes of a text stand anywhere in these.
  fileprivate func contains(text: String) -> Bool {
    let text = Array(text.utf8)
    return withUnsafeBytes { bytes in
      text.withUnsafeBytes { countersign_contains(bytes.baseAddress, bytes.count, $0.baseAddress, $0.count) }
    }
  }
}
