import Authority
import Bytes
import Cryptography
import Files
import Messages
import StorageSQLite

/// The server's folder: where each key, certificate and the ledger stand.
///
/// ```
/// authority/root.pem root.key          the service's root
/// authority/issuing.pem issuing.key    issues everything else
/// tls/chain.pem key.pem                the server's TLS certificate, root last
/// sealing/chain.pem key.pem            signs sealing keys and profiles, root last
/// sealing/keys/ID.key ID.signed        X25519 sealing keys: 32 private bytes, serialized SignedSealingKey
/// ocsp/chain.pem key.pem               signs OCSP answers, root last
/// anchors/NAME/                        outside authorities, see OutsideAuthority
/// audit/key.pem public.pem             signs the heads of the journal
/// heads/                               signed heads, see HeadLog
/// receivers/NAME/                      who gets heads over HTTPS, see HeadReceiver
/// vault/kek.key data-V.key fingerprint-1.key lock   see VaultKeys
/// acquirer/stan                        STANs reserved for the ISO 8583 link
/// admin/chain.pem key.pem              the first administrator's certificate
/// ledger.db                            SQLite
/// ledger.db.restore-begun              while a restore that was cut off has to be given again
/// ```
public struct DataFolder: Sendable {
  public let path: String

  /// - Parameter path: slashes at its end do not count.
  public init(_ path: String) {
    let end = path.lastIndex { $0 != "/" }
    self.path = end.map { String(path[...$0]) } ?? path
  }

  /// - Parameter isToRestore: whether a restore that was cut off is no fault, since it is given again.
  /// - Throws: ``SetupError/missing(_:)`` where no service was made here, `StoreError.restoreCutOff`, `FileError` where that
  ///   cannot be told.
  public func checkMade(isToRestore: Bool = false) throws {
    guard try Files.isThere(file("authority")) || Files.isThere(ledger) else { throw SetupError.missing(path) }
    if !isToRestore { try SQLiteStore.checkNotCutOff(ledger) }
  }

  /// Path of a file of the folder.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Path of the ledger.
  public var ledger: String { file("ledger.db") }

  /// Folders that a copy of the ledger lacks and a service on another machine needs, as far as they are there; `vault`
  /// first, which belongs to another place than the ledger.
  public var besideLedger: [String] {
    [
      "vault", "audit", "authority", "sealing", "tls", "admin", "ocsp", "bundle", "bundles", "acquirer", "anchors",
      "receivers", "heads",
    ].filter { Files.exists(file($0)) }
  }

  /// Folder of the outside authorities.
  public var anchors: String { file("anchors") }

  /// Reads a chain of PEM certificates, leaf first.
  func chain(_ name: String) throws(FileError) -> [Certificate] { try parts(of: name).chain(name) }

  /// Reads a private key, which is not encrypted.
  func key(_ name: String) throws -> PrivateKey { try parts(of: name).key(name, nil) }

  /// - Parameter name: of the file, whose copy is to be put back where it is missing or damaged.
  private func parts(of name: String) -> FolderParts {
    let folder = name.prefix { $0 != "/" }
    return FolderParts(
      path, advice: "put the copy of \(folder)/ back that belongs to this service: docs/operations.md, \"Backup\"")
  }

  /// Reads a chain and its leaf's key.
  ///
  /// - Throws: ``SetupError/mismatch(key:certificate:)`` where they do not belong together, `FileError`.
  func pair(_ chainName: String, _ keyName: String) throws -> (chain: [Certificate], key: PrivateKey) {
    let (chain, key) = (try chain(chainName), try key(keyName))
    guard chain[0].publicKey == key.publicKey else {
      throw SetupError.mismatch(key: file(keyName), certificate: file(chainName))
    }
    return (chain, key)
  }

  /// Reads the issuing authority; the root's key is not needed.
  func issuer() throws -> Issuer {
    let (chain, key) = try pair("authority/issuing.pem", "authority/issuing.key")
    return Issuer(certificate: chain[0], key: key, chain: chain)
  }

  /// Reads certificate and key of an issuer or signer.
  func sealingSigner() throws -> SealingSigner {
    let (chain, key) = try pair("sealing/chain.pem", "sealing/key.pem")
    return SealingSigner(key: key, chain: chain)
  }

  /// Who signs OCSP answers.
  func ocspSigner() throws -> OCSPSigner {
    let (chain, key) = try pair("ocsp/chain.pem", "ocsp/key.pem")
    return OCSPSigner(certificate: chain[0], key: key)
  }

  func write(chain: [Certificate], to name: String) throws {
    try Files.write(chain.flatMap(\.pem), to: file(name), mode: 0o644)
  }

  func write(key: PrivateKey, to name: String) throws {
    try Files.write(try key.pem(passphrase: nil), to: file(name))
  }
}

extension DataFolder {
  /// All sealing keys, oldest first.
  func sealingKeys() throws -> [SealingKeyRing.Entry] {
    try Files.names(in: file("sealing/keys")).filter { $0.hasSuffix(".signed") }
      .map { try sealingKey(String($0.dropLast(".signed".count))) }
      .sorted { $0.notBefore < $1.notBefore }
  }

  private func sealingKey(_ name: String) throws -> SealingKeyRing.Entry {
    let signed = try SignedSealingKey(decoding: try Files.read(file("sealing/keys/\(name).signed")))
    let key = try SealingKey(decoding: signed.sealingKey)
    let raw = try Files.readSecret(file("sealing/keys/\(name).key"))
    return SealingKeyRing.Entry(
      id: key.id, key: try X25519PrivateKey(raw: SecretBytes(copying: raw)), signed: signed,
      notBefore: Int64(clamping: key.notBeforeMs), notAfter: Int64(clamping: key.notAfterMs))
  }

  /// Private half first, so that a key that can be offered can always be opened.
  func store(_ entry: SealingKeyRing.Entry) throws {
    let name = "sealing/keys/\(Hex.encode(entry.id))"
    try Files.write(entry.key.raw.withUnsafeBytes { [UInt8]($0) }, to: file("\(name).key"))
    try Files.write(entry.signed.encoded(), to: file("\(name).signed"), mode: 0o644)
  }

  func destroySealingKey(id: [UInt8]) throws {
    let name = "sealing/keys/\(Hex.encode(id))"
    try Files.destroy(file("\(name).key"))
    try Files.destroy(file("\(name).signed"))
  }
}
