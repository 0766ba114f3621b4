import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments

/// Certificates of outside authorities become a consultant's or company's by an administrator's act alone.
///
/// Source: docs/security.md, "Outside authorities".
extension AdminCalls {
  func registerCertificate(
    _ request: RegisterCertificateRequest, context: ServerContext
  ) async throws -> RegisterCertificateReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let now = clock.wall()
      let (leaf, authority) = try outside(request, now)
      let (row, isNew) = try await ledger.perform { store in
        let holder = try Self.holder(request, leaf, in: store)
        if let known = try Self.known(leaf, holder: holder, authority, in: store) { return (known, false) }
        let former = try Matching.former(of: leaf, role: authority.anchor.role, macAddress: nil, in: store)
        let row = CertificateRow(leaf, holder: holder, macAddress: former?.macAddress)
        try store.insertCertificate(row)
        try store.insertEvent(
          EventRow(
            kind: .certificateRegistered, consultant: holder.consultant, company: holder.company, time: now,
            text: "certificate \(Hex.encode(leaf.serial)) of authority \(authority.anchor.name), matched by "
              + "\(authority.match.rawValue): \(leaf.subjectText), issued by \(leaf.issuerText), by \(administrator)"))
        return (row, true)
      }
      var reply = RegisterCertificateReply()
      reply.name = CertificateName(row)
      reply.authority = authority.anchor.name
      reply.match = authority.match.rawValue
      reply.isNew = isNew
      return reply
    }
  }

  /// Verifies the chain as a login does; an administrator is told the rule.
  private func outside(
    _ request: RegisterCertificateRequest, _ now: Int64
  ) throws -> (Certificate, OutsideAuthority) {
    let role: Role
    switch request.holder {
    case .consultant: role = .consultant
    case .company: role = .company
    case nil: throw ServiceRefusal(.invalidField, field: "holder", description: "name a consultant or a company")
    }
    do {
      let path = try CertificatePath.verify(
        chain: try LoginChain.read(request.chain), anchors: authorities.anchors(role), at: now / 1_000)
      guard let authority = authorities.outside(path) else {
        throw ServiceRefusal(
          .invalidField, field: "chain", description: "is of the service's own authority and registered already")
      }
      return (path.leaf, authority)
    } catch let refusal as CertificateRefusal {
      throw ServiceRefusal(
        .certificateRefused, field: "chain", description: "\(refusal)", cause: "\(refusal)")
    }
  }

  private static func holder(
    _ request: RegisterCertificateRequest, _ leaf: Certificate, in store: any Store
  ) throws -> CertificateRow.Holder {
    switch request.holder {
    case .consultant(let number):
      let consultant = try Self.consultant(number, in: store)
      guard let company = try store.company(id: consultant.company) else {
        throw ServiceRefusal(.companyNotFound, field: "consultant")
      }
      try check(leaf, company)
      return .consultant(consultant.id)
    case .company(let name):
      let company = try Self.company(name, in: store)
      try check(leaf, company)
      return .company(company.id)
    case nil: throw ServiceRefusal(.invalidField, field: "holder")
    }
  }

  private static func check(_ leaf: Certificate, _ company: CompanyRow) throws {
    guard leaf.organisation == company.name else {
      throw ServiceRefusal(
        .wrongCompany, field: "chain",
        description:
          "the organisation in the certificate is \(leaf.organisationText ?? "missing"), not \(company.name)")
    }
  }

  /// The row of a certificate that is registered already.
  ///
  /// - Throws: ``ServiceRefusal`` where it, or with subject matching its subject, is somebody else's.
  private static func known(
    _ leaf: Certificate, holder: CertificateRow.Holder, _ authority: OutsideAuthority, in store: any Store
  ) throws -> CertificateRow? {
    let taken = ServiceRefusal(.certificateTaken, field: "chain")
    if authority.match == .subject {
      let others = try store.certificates(issuer: leaf.issuerDER, subject: leaf.subjectText)
      guard others.allSatisfy({ $0.holder == holder || $0.revocation != nil }) else { throw taken }
    }
    guard let row = try store.certificate(issuer: leaf.issuerDER, serial: leaf.serial) else { return nil }
    guard row.fingerprint == leaf.fingerprint, row.holder == holder else { throw taken }
    guard row.revocation == nil else { throw ServiceRefusal(.revoked, field: "chain", cause: leaf.subjectText) }
    return row
  }
}
