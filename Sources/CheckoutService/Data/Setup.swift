import Authority
import Cryptography
import Files
import Payments
import StorageSQLite

/// Makes a new server's folder: authority, certificates, keys and ledger.
public enum Setup {
  /// What is to be made.
  public struct Plan: Sendable {
    /// Lower-case ASCII name of the service, for example "pay.example".
    public var serviceName: String
    /// dNSNames of the server's TLS certificate; the first is the one that profiles name.
    public var dnsNames: [String]
    /// Common name of the first administrator.
    public var administrator: String
    /// Where the vault's key-encryption key is: "file", or the PKCS#11 URI of a private key that may derive, with its
    /// token's PIN.
    public var vaultKey = "file"
    public var vaultPIN: SecretBytes?

    public init(serviceName: String, dnsNames: [String], administrator: String) {
      self.serviceName = serviceName
      self.dnsNames = dnsNames
      self.administrator = administrator
    }
  }

  /// Makes everything in a folder beside `folder`, then gives it its name: whatever cuts this off, there is a whole
  /// service or none, and what was left beside it is removed by the next try.
  ///
  /// - Parameters:
  ///   - folder: must not exist, or be empty.
  ///   - now: seconds since 1970-01-01T00:00:00Z.
  /// - Returns: the root, whose fingerprint terminals pin.
  /// - Throws: ``FileError``, ``SetupError`` or what the authority refuses.
  @discardableResult
  public static func make(_ plan: Plan, in folder: DataFolder, now: Int64) throws -> Certificate {
    try check(plan)
    try checkRoom(for: folder)
    let wrapping = try wrappingKey(plan)
    let making = DataFolder("\(folder.path).making")
    do {
      try Files.removeFolder(making.path)
      let root = try fill(making, plan, under: wrapping, now)
      try Files.rename(making.path, to: folder.path)
      return root
    } catch let error as FileError {
      try? Files.removeFolder(making.path)
      throw SetupError.notMade(folder.path, "\(error)")
    }
  }

  /// Bytes of a service's name: the common names of its certificates have a word behind it, and 64 characters in all
  /// (RFC 5280 appendix A.1).
  static let longestName = 64 - " sealing".count

  private static func checkRoom(for folder: DataFolder) throws {
    guard try Files.isThere(folder.path) else { return }
    guard !Files.exists(folder.file("authority")), !Files.exists(folder.ledger) else {
      throw SetupError.exists(folder.path)
    }
    guard try Files.names(in: folder.path, hidden: true).isEmpty else { throw SetupError.notEmpty(folder.path) }
  }

  private static func fill(
    _ folder: DataFolder, _ plan: Plan, under wrapping: WrappingKey, _ now: Int64
  ) throws -> Certificate {
    for name in ["", "authority", "tls", "sealing", "sealing/keys", "audit", "vault", "admin"] {
      try Files.makeFolder(name.isEmpty ? folder.path : folder.file(name))
    }
    let root = try Issuer.makeRoot(serviceName: plan.serviceName, now: now)
    let issuing = try root.makeIssuing(now: now)
    try folder.write(chain: [root.certificate], to: "authority/root.pem")
    try folder.write(key: root.key, to: "authority/root.key")
    try folder.write(chain: issuing.chain, to: "authority/issuing.pem")
    try folder.write(key: issuing.key, to: "authority/issuing.key")
    try issueOwn(plan, issuing, folder, now)
    let audit = PrivateKey.generate(.p256)
    try folder.write(key: audit, to: "audit/key.pem")
    try Files.write(audit.publicKey.pem, to: folder.file("audit/public.pem"), mode: 0o644)
    try VaultKeys.make(in: folder, under: wrapping)
    try SQLiteStore.create(path: folder.ledger)
    return root.certificate
  }

  private static func wrappingKey(_ plan: Plan) throws(SetupError) -> WrappingKey {
    do {
      return try WrappingKey.make(at: plan.vaultKey, pin: plan.vaultPIN)
    } catch {
      throw .vaultKey(plan.vaultKey, error)
    }
  }

  private static func issueOwn(_ plan: Plan, _ issuing: Issuer, _ folder: DataFolder, _ now: Int64) throws {
    func issue(_ role: Role, _ commonName: String, dnsNames: [String] = [], to name: String) throws {
      let key = PrivateKey.generate(.p256)
      let request = try CertificateRequest(
        der: CertificateRequest.make(key: key, commonName: commonName, organisation: nil))
      let leaf = try issuing.issue(
        request, role: role, commonName: commonName, organisation: nil, dnsNames: dnsNames, now: now)
      try folder.write(chain: [leaf] + issuing.chain, to: "\(name)/chain.pem")
      try folder.write(key: key, to: "\(name)/key.pem")
    }
    try issue(.server, plan.dnsNames[0], dnsNames: plan.dnsNames, to: "tls")
    try issue(.sealing, "\(plan.serviceName) sealing", to: "sealing")
    try issue(.administrator, plan.administrator, to: "admin")
    try folder.makeOCSPDelegate(issuing, now: now)
  }

  private static func check(_ plan: Plan) throws {
    let isName = plan.serviceName.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
    guard isName, (1...longestName).contains(plan.serviceName.utf8.count) else {
      throw SetupError.serviceName(plan.serviceName)
    }
    guard !plan.dnsNames.isEmpty else { throw SetupError.noDNSName }
    for name in plan.dnsNames where !HostName.isHost(name) { throw SetupError.hostName(name) }
    if let fault = RegisteredName.fault(of: plan.administrator) { throw SetupError.administrator(fault) }
  }
}
