import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments
import StorageSQLite

/// The calls of `countersign.v1.Admin`, for connections with an administrator's certificate.
struct AdminCalls: AdminServiceProtocol {
  /// Milliseconds for which an enrolment token is good.
  static let tokenLifetime: Int64 = 24 * 3_600_000

  let issuer: Issuer
  let rootFingerprint: Bytes32
  let ledger: Ledger
  let reader: SQLiteReader
  let acquirer: any Acquirer
  let companies: CompanyCertificates
  let policies: CompanyPolicies
  let authorities: Authorities
  let status: OutsideStatus
  let responder: StatusResponder
  let refusals: RefusalJournal
  let lockouts: Lockouts
  let sessions: SessionTable
  let connections: ConnectionControl
  let vault: VaultCare
  let clock: ServiceClock

  func addCompany(_ request: AddCompanyRequest, context: ServerContext) async throws -> AddCompanyReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let name = try checkedName(request.name)
      let certificateRequest = try checkedCertificateRequest(request.certificateRequest)
      let now = clock.wall()
      let (company, leaf) = try await ledger.perform { [issuer] store in
        if let added = try Self.added(name, certificateRequest.publicKey, in: store) { return added }
        try Self.checkDistinct(name, in: store)
        let id = try Self.unique { try store.insertCompany(name: name, time: now) }
        let leaf = try issuer.issue(
          certificateRequest, role: .company, commonName: name, organisation: name, now: now / 1_000)
        try store.insertCertificate(CertificateRow(leaf, holder: .company(id), macAddress: nil))
        try store.insertEvent(
          EventRow(
            kind: .companyAdded, company: id, time: now,
            text: "\(RecordedName.text(name)), certificate \(Hex.encode(leaf.serial)), by \(administrator)"))
        return (id, leaf)
      }
      companies.insert(leaf.fingerprint, company: company)
      var reply = AddCompanyReply()
      reply.company = UInt64(company)
      reply.chain = [leaf.der] + issuer.chain.map(\.der)
      return reply
    }
  }

  func addConsultant(_ request: AddConsultantRequest, context: ServerContext) async throws -> AddConsultantReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let name = try checkedName(request.name)
      let token = EnrolmentToken.make(root: rootFingerprint)
      let now = clock.wall()
      let consultant = try await ledger.perform { store in
        let company = try Self.company(request.company, in: store)
        if let known = try store.consultant(company: company.id, name: name), known.revoked {
          throw ServiceRefusal(
            .nameTaken, field: "name",
            description: "is the name of consultant \(known.id), who is revoked; register under another one")
        }
        let id = try Self.unique { try store.insertConsultant(company: company.id, name: name, time: now) }
        try store.insertEvent(
          EventRow(
            kind: .consultantAdded, consultant: id, company: company.id, time: now,
            text: "\(RecordedName.text(name)), by \(administrator)"))
        try Self.insert(token, consultant: id, company: company.id, now: now, administrator, in: store)
        return id
      }
      var reply = AddConsultantReply()
      reply.consultant = UInt64(consultant)
      reply.token = token.text
      reply.tokenNotAfterMs = UInt64(now + Self.tokenLifetime)
      return reply
    }
  }

  func createToken(_ request: CreateTokenRequest, context: ServerContext) async throws -> CreateTokenReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let token = EnrolmentToken.make(root: rootFingerprint)
      let now = clock.wall()
      try await ledger.perform { store in
        let consultant = try Self.consultant(request.consultant, in: store)
        try Self.insert(
          token, consultant: consultant.id, company: consultant.company, now: now, administrator, in: store)
      }
      var reply = CreateTokenReply()
      reply.token = token.text
      reply.tokenNotAfterMs = UInt64(now + Self.tokenLifetime)
      return reply
    }
  }

  /// A registered company that is not revoked.
  ///
  /// - Parameter text: its number or name; digits are a number.
  static func company(_ text: String, field: String = "company", in store: any Store) throws -> CompanyRow {
    let found =
      if let number = Int64(digits: text) { try store.company(id: number) } else { try store.company(name: text) }
    guard let company = found else { throw ServiceRefusal(.companyNotFound, field: field) }
    guard !company.revoked else { throw ServiceRefusal(company, field: field) }
    return company
  }

  /// A registered consultant who is not revoked, of a company that is not.
  static func consultant(
    _ number: UInt64, field: String = "consultant", in store: any Store
  ) throws -> ConsultantRow {
    guard let consultant = try store.consultant(id: Int64(clamping: number)) else {
      throw ServiceRefusal(.consultantNotFound, field: field)
    }
    guard !consultant.revoked else {
      throw ServiceRefusal(
        .revoked, field: field,
        description: "consultant \(consultant.id), \(consultant.name), is revoked for good; register a new one, under "
          + "another name")
    }
    if let company = try store.company(id: consultant.company), company.revoked {
      throw ServiceRefusal(company, field: field)
    }
    return consultant
  }

  func checkedName(_ name: String) throws -> String {
    if let fault = RegisteredName.fault(of: name) {
      throw ServiceRefusal(.invalidField, field: "name", description: fault)
    }
    return name
  }

  /// No two companies have names that people take for one.
  private static func checkDistinct(_ name: String, in store: any Store) throws {
    // Bytes tell names apart, as in the register: Swift takes those for equal that are composed in another way.
    let plain = RegisteredName.folded(name)
    var last: Int64 = 0
    while case let companies = try store.companies(after: last, limit: 1_000), let end = companies.last {
      if let other = companies.first(where: {
        !$0.name.utf8.elementsEqual(name.utf8) && RegisteredName.folded($0.name) == plain
      }) {
        throw ServiceRefusal(
          .nameTaken, field: "name",
          description: "differs from company \(other.id), \(other.name), in case, spaces or composition alone")
      }
      last = end.id
    }
  }

  /// The company that was added before with this name and key: an administrator whose answer was lost asks again.
  private static func added(
    _ name: String, _ key: PublicKey, in store: any Store
  ) throws -> (company: Int64, leaf: Certificate)? {
    guard let company = try store.company(name: name), !company.revoked else { return nil }
    for row in try store.certificates(of: .company(company.id)) where row.revocation == nil {
      let leaf = try Certificate(der: row.der)
      if leaf.publicKey == key { return (company.id, leaf) }
    }
    return nil
  }

  func checkedCertificateRequest(_ der: [UInt8]) throws -> CertificateRequest {
    do {
      return try CertificateRequest(der: der)
    } catch {
      throw ServiceRefusal(.invalidField, field: "certificate_request", description: "\(error)")
    }
  }

  static func unique<R>(_ insert: () throws -> R) throws -> R {
    do {
      return try insert()
    } catch StoreError.conflict {
      throw ServiceRefusal(.nameTaken, field: "name")
    }
  }

  private static func insert(
    _ token: EnrolmentToken, consultant: Int64, company: Int64, now: Int64, _ administrator: String,
    in store: any Store
  ) throws {
    try store.insertToken(
      TokenRow(digest: SHA256.digest(token.secret), consultant: consultant, notAfter: now + tokenLifetime))
    try store.insertEvent(
      EventRow(
        kind: .tokenCreated, consultant: consultant, company: company, time: now, text: "by \(administrator)"))
  }
}

extension ServiceRefusal {
  fileprivate init(_ revoked: CompanyRow, field: String) {
    self.init(
      .revoked, field: field,
      description: "company \(revoked.id), \(revoked.name), is revoked for good; register a new one, under another "
        + "name")
  }
}
