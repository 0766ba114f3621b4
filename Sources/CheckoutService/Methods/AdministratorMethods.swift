import Bytes
import CountersignRPC
import Cryptography
import Messages
import Payments

/// Administrators and their roles.
extension AdminCalls {
  func addAdministrator(
    _ request: AddAdministratorRequest, context: ServerContext
  ) async throws -> AddAdministratorReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let name = try checkedName(request.name)
      let roles = try AdministratorRoles(request.roles)
      let certificateRequest = try checkedCertificateRequest(request.certificateRequest)
      let now = clock.wall()
      let (id, leaf) = try await ledger.perform { [issuer] store in
        if let added = try Self.added(name, certificateRequest.publicKey, roles, in: store) { return added }
        let id = try Self.unique { try store.insertAdministrator(name: name, roles: roles, time: now) }
        let leaf = try issuer.issue(
          certificateRequest, role: .administrator, commonName: name, organisation: nil, now: now / 1_000)
        try store.insertCertificate(CertificateRow(leaf, holder: .administrator(id), macAddress: nil))
        try store.insertEvent(
          EventRow(
            kind: .administratorAdded, time: now,
            text: "administrator \(id) \(RecordedName.text(name)), \(roles.names), certificate "
              + "\(Hex.encode(leaf.serial)), by \(administrator)"))
        return (id, leaf)
      }
      var reply = AddAdministratorReply()
      reply.administrator = UInt64(id)
      reply.chain = [leaf.der] + issuer.chain.map(\.der)
      return reply
    }
  }

  /// What the same request was answered with, whose answer was lost.
  private static func added(
    _ name: String, _ key: PublicKey, _ roles: AdministratorRoles, in store: any Store
  ) throws -> (Int64, Certificate)? {
    guard let row = try store.administrator(name: name), row.roles == roles else { return nil }
    for certificate in try store.certificates(of: .administrator(row.id)) where certificate.revocation == nil {
      let leaf = try Certificate(der: certificate.der)
      if leaf.publicKey == key { return (row.id, leaf) }
    }
    return nil
  }

  func setAdministratorRoles(
    _ request: SetAdministratorRolesRequest, context: ServerContext
  ) async throws -> SetAdministratorRolesReply {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      let roles = try AdministratorRoles(request.roles)
      let now = clock.wall()
      try await ledger.perform { store in
        guard let row = try store.administrator(id: Int64(clamping: request.administrator)) else {
          throw ServiceRefusal(.administratorNotFound, field: "administrator")
        }
        // So that a service is never left without one.
        guard row.id != acting.id || roles.contains(.securityOfficer) else {
          throw ServiceRefusal(
            .invalidField, field: "roles", description: "must have security officer: nobody gives up that role alone")
        }
        try store.setRoles(administrator: row.id, roles)
        try store.insertEvent(
          EventRow(
            kind: .rolesSet, time: now,
            text: "administrator \(row.id) \(RecordedName.text(row.name)), \(roles.names) in place of "
              + "\(row.roles.names), by \(acting.text)"))
      }
      return SetAdministratorRolesReply()
    }
  }

  /// Administrators told in one reply.
  private static let administratorsPerReply = 50

  func listAdministrators(
    _ request: ListAdministratorsRequest, context: ServerContext
  ) async throws -> ListAdministratorsReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      let rows = try await ledger.perform { store in
        try store.administrators(after: Int64(clamping: request.after), limit: Self.administratorsPerReply).map {
          ($0, try store.certificates(of: .administrator($0.id)))
        }
      }
      var reply = ListAdministratorsReply()
      reply.administrators = rows.map { row, certificates in
        var message = RegisteredAdministrator()
        message.number = UInt64(row.id)
        message.name = row.name
        message.roles = row.roles.messages
        message.isActive = certificates.contains { $0.revocation == nil && $0.notAfter * 1_000 > clock.wall() }
        return message
      }
      return reply
    }
  }
}

extension AdministratorRoles {
  private static let messages: [(AdministratorRoles, AdministratorRole)] = [
    (.paymentOperator, .operator), (.auditor, .auditor), (.securityOfficer, .securityOfficer),
  ]

  init(_ roles: [AdministratorRole]) throws {
    self = []
    for role in roles {
      guard let known = Self.messages.first(where: { $0.1 == role }) else {
        throw ServiceRefusal(.invalidField, field: "roles", description: "is no role that is known here")
      }
      insert(known.0)
    }
    guard !isEmpty else { throw ServiceRefusal(.invalidField, field: "roles", description: "name at least one role") }
  }

  var messages: [AdministratorRole] { Self.messages.filter { contains($0.0) }.map(\.1) }
}
