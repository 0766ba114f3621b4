import Bytes
import CountersignRPC
import Cryptography
import Messages
import Payments

/// The administrator whose certificate authenticated a connection.
struct ActingAdministrator: Sendable {
  let id: Int64
  /// Certificate's subject and serial number, for the journal.
  let text: String
}

/// Which role each call of an administrator needs: one of those named.
enum AdministratorAccess {
  /// Who may read payments and journal.
  private static let readers: AdministratorRoles = [.paymentOperator, .auditor]

  static let needed: [String: AdministratorRoles] = [
    AdminMethods.addCompany: .paymentOperator, AdminMethods.setCompanyPolicy: .paymentOperator,
    AdminMethods.getCompany: .all, AdminMethods.listCompanies: .all, AdminMethods.addConsultant: .paymentOperator,
    AdminMethods.createToken: .paymentOperator, AdminMethods.addGateway: .paymentOperator,
    AdminMethods.registerCertificate: .securityOfficer, AdminMethods.tracePayment: readers,
    AdminMethods.listUnresolved: readers, AdminMethods.listPayments: readers, AdminMethods.reportDay: readers,
    AdminMethods.revoke: .securityOfficer, AdminMethods.unlock: [.paymentOperator, .securityOfficer],
    AdminMethods.listCertificates: .all, AdminMethods.listConsultants: .all,
    AdminMethods.addAdministrator: .securityOfficer,
    AdminMethods.setAdministratorRoles: .securityOfficer, AdminMethods.listAdministrators: .all,
    AdminMethods.requestOperation: .paymentOperator, AdminMethods.confirmOperation: .paymentOperator,
    AdminMethods.settleOperation: .paymentOperator, AdminMethods.listOperations: readers,
    AuditMethods.getAuditKey: .all, AuditMethods.makeReceipt: readers, AuditMethods.beginExport: .auditor,
    AuditMethods.readExport: .auditor,
    AdminMethods.getVault: [.auditor, .securityOfficer], AdminMethods.rewrapKeys: .securityOfficer,
    AdminMethods.rotateKeys: .securityOfficer,
    AdminMethods.confirmKeyAct: .securityOfficer, AdminMethods.startBackup: [.paymentOperator, .securityOfficer],
    AdminMethods.getBackup: [.paymentOperator, .securityOfficer], AdminMethods.getEpoch: .all,
    AdminMethods.recordReconciliation: readers, AdminMethods.confirmEpoch: .securityOfficer,
  ]

  /// - Throws: ``ServiceRefusal`` that names the roles of which one is needed. A method that is not listed needs all.
  static func check(_ roles: AdministratorRoles, for method: String) throws(ServiceRefusal) {
    let needed = needed[method]
    let isAllowed = needed.map { !$0.isDisjoint(with: roles) } ?? roles.isSuperset(of: .all)
    guard isAllowed else {
      let names = (needed ?? .all).names
      throw ServiceRefusal(
        .roleRequired, field: "role", description: "needs one of: \(names)", cause: "\(method), \(names)")
    }
  }
}

extension AdminCalls {
  /// As ``acting(_:)``, for the journal alone.
  func administrator(_ context: ServerContext) async throws -> String { try await acting(context).text }

  /// Who calls. The certificate's path was verified at the handshake; the register tells whether it is still good and
  /// which roles its administrator has.
  func acting(_ context: ServerContext) async throws -> ActingAdministrator {
    guard let leaf = context.peer.certificates.first, leaf.roles.contains(.administrator) else {
      throw ServiceRefusal(.administratorRequired, cause: context.method)
    }
    let (row, administrator) = try await ledger.perform { store in
      let row = try store.certificate(fingerprint: leaf.fingerprint)
      guard case .administrator(let id) = row?.holder else { return (row, AdministratorRow?.none) }
      return (row, try store.administrator(id: id))
    }
    guard let row, let administrator else { throw ServiceRefusal(.notRegistered, cause: leaf.subjectText) }
    guard row.revocation == nil else { throw ServiceRefusal(.revoked, cause: leaf.subjectText) }
    do {
      try AdministratorAccess.check(administrator.roles, for: context.method)
    } catch {
      var refusal = error
      refusal.cause += ", asked by \(leaf.subjectText)"
      throw refusal
    }
    return ActingAdministrator(
      id: administrator.id, text: "\(leaf.subjectText), serial \(Hex.encode(leaf.serial))")
  }
}
