import Audit
import Bytes
import Cryptography
import Payments
import Policy

/// What the login's transaction found and wrote.
struct RecordedLogin: Sendable {
  let row: SessionRow
  let consultant: ConsultantRow
  let company: CompanyRow
  /// Name of the ledger: zeros until it is restored from a backup.
  let ledger: Bytes16
}

/// The part of a login that reads and writes the register, all in one transaction with its journal record.
enum LoginRecording {
  /// How the login came.
  struct Way: Sendable {
    /// 0 for direct, else the company whose gateway authenticated the connection.
    let path: Int64
    /// Numeric address of the other end.
    let address: String
  }

  /// Compares a verified login with the register and writes its session; former sessions of the consultant end.
  ///
  /// - Throws: ``ServiceRefusal``; nothing is written then.
  static func record(
    _ login: VerifiedLogin, _ authorities: Authorities, by way: Way, policies: CompanyPolicies, now: Int64,
    in store: any Store
  ) throws -> RecordedLogin {
    func registered(_ path: VerifiedPath, _ field: String) throws -> CertificateRow {
      try Matching(authority: authorities.outside(path), macAddress: login.macAddress, now: now)
        .row(of: path.leaf, field, in: store)
    }
    let consultantRow = try registered(login.consultant, "consultant_chain")
    let companyRow = try registered(login.company, "company_chain")
    guard case .consultant(let consultantID) = consultantRow.holder, case .company(let companyID) = companyRow.holder,
      let consultant = try store.consultant(id: consultantID), let company = try store.company(id: companyID)
    else {
      throw ServiceRefusal(.notRegistered, cause: "certificate belongs to another kind of holder")
    }
    try checkCompany(login, consultant, company)
    guard way.path == CompanyCertificates.direct || way.path == company.id else {
      throw ServiceRefusal(
        .wrongCompany, field: "company_chain", cause: "company \(company.id) by the gateway of company \(way.path)",
        consultant: consultant.id)
    }
    guard !consultant.revoked, !company.revoked else {
      throw ServiceRefusal(
        .revoked, cause: "consultant \(consultant.id) or company \(company.id) is revoked",
        consultant: consultant.id)
    }
    if let refusal = policies.rules(of: company.id).current?.refusal(
      of: CompanyRules.Path(way.path, from: way.address), at: now)
    {
      throw ServiceRefusal(RefusalReason(refusal), cause: "login from \(way.address)", consultant: consultant.id)
    }
    guard try !store.isRevoked(device: login.macAddress) else {
      throw ServiceRefusal(.revoked, cause: "device \(login.macAddress)", consultant: consultant.id)
    }
    guard consultantRow.macAddress == login.macAddress else {
      throw ServiceRefusal(
        .deviceChanged, field: "statement.mac_address",
        description: consultantRow.macAddress == nil ? unbound(consultant.id) : nil,
        cause: "consultant \(consultant.id): registered \(text(consultantRow.macAddress)), came \(login.macAddress)",
        consultant: consultant.id)
    }
    try passLockout(consultant.id, now: now, in: store)
    for session in try store.liveSessions(consultant: consultant.id) {
      try store.endSession(session, reason: .newLogin, time: now)
    }
    let outside = [login.consultant, login.company].map(authorities.text).joined()
    let row = try insert(login, consultant, path: way.path, authorities: outside, now: now, in: store)
    let ledger = try store.epoch()?.id ?? JournalEpoch.first.id
    return RecordedLogin(row: row, consultant: consultant, company: company, ledger: ledger)
  }

  /// A login that succeeds forgets the failures before it.
  private static func passLockout(_ consultant: Int64, now: Int64, in store: any Store) throws {
    guard let lockout = try store.lockout(.consultant(consultant)) else { return }
    if let remaining = lockout.remaining(at: now) {
      throw ServiceRefusal.lockedOut(.consultant(consultant), remaining, now: now)
    }
    try store.setLockout(.consultant(consultant), nil)
  }

  /// An administrator registered the certificate; where no other one of its subject told the device, an enrolment does.
  private static func unbound(_ consultant: Int64) -> String {
    "no device is registered for this certificate yet: ask an administrator for a token (countersign-admin consultant "
      + "token \(consultant)) and enrol with it and the certificate"
  }

  private static func text(_ mac: MACAddress?) -> String { mac.map { "\($0)" } ?? "none" }

  /// The registered rows decide; the organisation in the certificates must agree with them.
  private static func checkCompany(_ login: VerifiedLogin, _ consultant: ConsultantRow, _ company: CompanyRow) throws {
    guard consultant.company == company.id else {
      throw ServiceRefusal(
        .wrongCompany, field: "company_chain",
        cause: "consultant \(consultant.id) belongs to company \(consultant.company), not \(company.id)",
        consultant: consultant.id)
    }
    guard login.consultant.leaf.organisation == company.name, login.company.leaf.organisation == company.name else {
      throw ServiceRefusal(
        .wrongCompany, field: "company_chain", cause: "organisation is not \(company.name)",
        consultant: consultant.id)
    }
  }

  private static func insert(
    _ login: VerifiedLogin, _ consultant: ConsultantRow, path: Int64, authorities: String, now: Int64,
    in store: any Store
  ) throws -> SessionRow {
    guard let id = Bytes16(randomBytes(16)) else { preconditionFailure("randomBytes gave another count") }
    let row = SessionRow(
      id: id, challenge: login.challenge, consultant: consultant.id, company: consultant.company,
      consultantCertificate: login.consultant.leaf.fingerprint, companyCertificate: login.company.leaf.fingerprint,
      macAddress: login.macAddress, enc: login.enc, sealingKey: login.sealingKey.id, statement: login.statementDigest,
      path: path, loginTime: now)
    do {
      try store.insertSession(row)
    } catch {
      guard case .conflict = error else { throw error }
      throw ServiceRefusal(.challengeInvalid, field: "statement.challenge", cause: "used before")
    }
    try store.insertEvent(
      EventRow(
        kind: .login, consultant: consultant.id, company: consultant.company, session: id, time: now,
        text: "certificate \(Hex.encode(login.consultant.leaf.serial)), company certificate "
          + "\(Hex.encode(login.company.leaf.serial)), MAC address \(login.macAddress), \(login.statement.programVersion)"
          + (path == CompanyCertificates.direct ? "" : ", through the company's gateway") + authorities
      ))
    return row
  }
}
