import CountersignRPC
import Cryptography
import Files
import Foundation
import Messages
import Payments
import TestPrograms
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// Who may administer what. Source: docs/security.md, "Administrators".
@Suite struct AdministratorTests {
  private static let roles: [(AdministratorRole, AdministratorRoles)] = [
    (.operator, .paymentOperator), (.auditor, .auditor), (.securityOfficer, .securityOfficer),
  ]

  /// Every call, with every role alone. What a role may do fails for another reason, since the requests are empty.
  @Test(arguments: [AdministratorRole.operator, .auditor, .securityOfficer])
  func aCallWithoutItsRoleIsRefusedByName(_ role: AdministratorRole) async throws {
    try await TestService.withKim { service, _ in
      let lee = try await service.addAdministrator("Lee", [role])
      let roles = try #require(Self.roles.first { $0.0 == role }?.1)
      for (method, needed) in AdministratorAccess.needed {
        let status = await Self.call(method, as: lee)
        let isAllowed = !needed.isDisjoint(with: roles)
        #expect((status?.reason == "ROLE_REQUIRED") == !isAllowed, "\(method): \(String(describing: status))")
        guard !isAllowed else { continue }
        #expect(status?.violations.first?.field == "role")
        #expect(status?.violations.first?.description == "needs one of: \(needed.names)")
      }
    }
  }

  @Test func everyCallOfTheProtocolHasItsRole() throws {
    let names = try ["Admin", "Audit"].flatMap { name in
      let proto = try String(
        contentsOfFile: Repository.path("proto/countersign/v1/\(name.lowercased()).proto"), encoding: .utf8)
      let service = try #require(
        proto.components(separatedBy: "service \(name) {").last?.components(separatedBy: "\n}").first)
      return service.split(separator: "\n").filter { $0.hasPrefix("  rpc ") }.map {
        "/countersign.v1.\(name)/" + $0.dropFirst(6).prefix { $0 != "(" }
      }
    }
    #expect(Set(names) == Set(AdministratorAccess.needed.keys) && names.count > 10)
    let security = try String(contentsOfFile: Repository.path("docs/security.md"), encoding: .utf8)
    for (method, needed) in AdministratorAccess.needed {
      let name = String(method.split(separator: "/").last ?? "")
      let row = security.split(separator: "\n").first { row in
        row.hasPrefix("| ") && row.hasSuffix(" |") && row.split(separator: "|").count == 4
          && row.split(separator: "|")[0].split(separator: ",").contains {
            $0.trimmingCharacters(in: .whitespaces) == name
          }
      }
      let cells = try #require(row, "\(name)").dropFirst().dropLast()
        .split(separator: "|", omittingEmptySubsequences: false).dropFirst().map { $0.contains("yes") }
      #expect(cells == Self.roles.map { needed.contains($0.1) }, "\(name)")
    }
  }

  @Test func theFirstAdministratorHasAllRolesAndARefusalIsJournaled() async throws {
    try await TestService.withKim { service, _ in
      let lee = try await service.addAdministrator("Lee", [.auditor])
      let all = try await service.administrators()
      #expect(all.map(\.name) == ["tester", "Lee"] && all.allSatisfy(\.isActive))
      #expect(all[0].roles == [.operator, .auditor, .securityOfficer] && all[1].roles == [.auditor])
      #expect(await Self.call(AdminMethods.revoke, as: lee)?.reason == "ROLE_REQUIRED")
      let refused = try service.journal("CALL_REFUSED")
      #expect(
        refused.last?.contains("ROLE_REQUIRED from 127.0.0.1: /countersign.v1.Admin/Revoke, security officer") == true)
      #expect(refused.last?.contains("CN=Lee") == true)
      let added = try service.journal("ADMINISTRATOR_ADDED")
      #expect(added.count == 1 && added[0].hasPrefix("administrator 2 Lee, auditor, certificate "), "\(added)")
      #expect(added[0].contains("by CN=tester"))
    }
  }

  @Test func aRoleThatWasTakenIsGoneAtTheNextCall() async throws {
    try await TestService.withKim { service, _ in
      let lee = try await service.addAdministrator("Lee", [.operator, .securityOfficer])
      _ = try await lee.run { try await $0.listPayments(.init()) }
      var request = SetAdministratorRolesRequest()
      (request.administrator, request.roles) = (2, [.securityOfficer])
      _ = try await service.administrator().run { [request] in try await $0.setAdministratorRoles(request) }
      await expectRefusal("ROLE_REQUIRED") { _ = try await lee.run { try await $0.listPayments(.init()) } }
      let set = try service.journal("ROLES_SET")
      #expect(
        set.first?.hasPrefix("administrator 2 Lee, security officer in place of operator, security officer, by") == true
      )
      // Nobody gives up the last role that gives roles.
      request.roles = [.auditor]
      await expectRefusal("INVALID_FIELD", field: "roles") { [request] in
        _ = try await lee.run { try await $0.setAdministratorRoles(request) }
      }
      request.administrator = 9
      await expectRefusal("ADMINISTRATOR_NOT_FOUND", field: "administrator") { [request] in
        _ = try await lee.run { try await $0.setAdministratorRoles(request) }
      }
    }
  }

  /// What the service records of them is compared with the register at its end.
  @Test func namesWithCommasAndQuotationMarksAreRecordedBetweenQuotationMarks() async throws {
    try await TestService.withKim { service, _ in
      _ = try await service.addAdministrator("Zed, operator", [.auditor])
      _ = try await service.addAdministrator(#"Lee "auditor\" Jo"#, [.operator])
      var request = SetAdministratorRolesRequest()
      (request.administrator, request.roles) = (2, [.auditor, .operator])
      _ = try await service.administrator().run { [request] in try await $0.setAdministratorRoles(request) }
      try await service.addCompany("Other, certificate 99")
      _ = try await service.addConsultant("Ann, by Lee", company: "Other, certificate 99")
      let added = try service.journal("ADMINISTRATOR_ADDED")
      #expect(added.first?.hasPrefix(#"administrator 2 "Zed, operator", auditor, certificate "#) == true)
      #expect(added.last?.hasPrefix(#"administrator 3 "Lee \"auditor\\\" Jo", operator, certificate "#) == true)
      #expect(try service.journal("COMPANY_ADDED").last?.hasPrefix(#""Other, certificate 99", certificate "#) == true)
      #expect(try service.journal("CONSULTANT_ADDED").last?.hasPrefix(#""Ann, by Lee", by CN="#) == true)
    }
  }

  @Test func aRevokedAdministratorOfTheRegisterIsRefused() async throws {
    try await TestService.withKim { service, _ in
      let lee = try await service.addAdministrator("Lee", [.operator])
      let leaf = try Certificate.fromPEM(
        [UInt8](Data(contentsOf: URL(filePath: "\(service.root)/Lee/chain.pem"))))[0]
      _ = try await service.revoke(.certificate(leaf.fingerprint.bytes))
      await expectRefusal("REVOKED") { _ = try await lee.run { try await $0.listCompanies(.init()) } }
      let active = try await service.administrators().map(\.isActive)
      #expect(active == [true, false])
    }
  }

  @Test func theSameRequestAgainGetsTheSameCertificateAndAnotherKeyDoesNot() async throws {
    try await TestService.withKim { service, _ in
      var request = AddAdministratorRequest()
      (request.name, request.roles) = ("Lee", [.auditor])
      request.certificateRequest = try CertificateRequest.make(
        key: .generate(.p256), commonName: "Lee", organisation: nil)
      let administrator = try service.administrator()
      let first = try await administrator.run { [request] in try await $0.addAdministrator(request) }
      let second = try await administrator.run { [request] in try await $0.addAdministrator(request) }
      #expect(first == second)
      request.certificateRequest = try CertificateRequest.make(
        key: .generate(.p256), commonName: "Lee", organisation: nil)
      await expectRefusal("NAME_TAKEN", field: "name") { [request] in
        _ = try await administrator.run { try await $0.addAdministrator(request) }
      }
      request.name = "Park"
      request.roles = []
      await expectRefusal("INVALID_FIELD", field: "roles") { [request] in
        _ = try await administrator.run { try await $0.addAdministrator(request) }
      }
      request.roles = [AdministratorRole(rawValue: 77)]
      await expectRefusal("INVALID_FIELD", field: "roles") { [request] in
        _ = try await administrator.run { try await $0.addAdministrator(request) }
      }
    }
  }

  /// - Returns: the status of an empty request; nil where it succeeded.
  private static func call(_ method: String, as administrator: Administrator) async -> RPCStatus? {
    do {
      _ = try await administrator.connected { try await $0.call(method, [], options: .standard) }
      return nil
    } catch {
      return error as? RPCStatus ?? RPCStatus(.unknown, "\(error)")
    }
  }
}

extension TestService {
  /// Registers an administrator; the files lie below ``root``.
  func addAdministrator(_ name: String, _ roles: [AdministratorRole]) async throws -> Administrator {
    try Files.makeFolder("\(root)/\(name)")
    let (chain, key) = ("\(root)/\(name)/chain.pem", "\(root)/\(name)/key.pem")
    var request = AddAdministratorRequest()
    (request.name, request.roles) = (name, roles)
    let asked = try RequestedCertificate(for: name, "administrator", certificate: chain, key: key)
    request.certificateRequest = asked.request
    let reply = try await administrator().run { [request] in try await $0.addAdministrator(request) }
    try asked.finish(chain: reply.chain)
    return try Administrator(certificate: chain, key: key, host: "127.0.0.1", port: port)
  }

  func administrators() async throws -> [RegisteredAdministrator] {
    try await administrator().run { try await $0.listAdministrators(.init()).administrators }
  }
}
