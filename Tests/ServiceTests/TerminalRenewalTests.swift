import Authority
import Bytes
import CheckoutService
import Cryptography
import Foundation
import Messages
import Payments
import StorageSQLite
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// A terminal renews its certificate by itself. Source: docs/security.md, "Renewal".
@Suite struct TerminalRenewalTests {
  private static let day: Int64 = 86_400

  @Test func aCertificateInItsLastThirdIsRenewedAndLogsIn() async throws {
    try await withAged(days: 61) { _, kim in
      #expect(kim.isRenewalDue)
      let renewed = try await kim.renewed(passphrase: TestService.passphrase)
      #expect(!renewed.isRenewalDue)
      #expect(renewed.consultantChain[0].publicKey != kim.consultantChain[0].publicKey)
      let session = try await renewed.login()
      #expect(session.consultant == "Kim")
    }
  }

  @Test func beforeTheLastThirdRenewalIsRefused() async throws {
    try await withAged(days: 59) { _, kim in
      #expect(!kim.isRenewalDue)
      await expectRefusal("RENEWAL_TOO_EARLY") { _ = try await kim.renewed(passphrase: TestService.passphrase) }
    }
  }

  @Test func theFormerCertificateWorksUntilTheNewOneIsInPlace() async throws {
    try await withAged(days: 61) { _, kim in
      _ = try await kim.renewed(passphrase: TestService.passphrase)
      _ = try await kim.login()
    }
  }

  @Test func aRenewalWhoseAnswerWasLostGetsTheSameCertificate() async throws {
    try await withAged(days: 61) { service, kim in
      let copy = "\(service.root)/copy"
      try kim.folder.store(
        key: .generate(.p256), passphrase: TestService.passphrase, root: kim.trusted.rootFingerprint)
      try FileManager.default.copyItem(atPath: kim.folder.path, toPath: copy)
      let first = try await kim.renewed(passphrase: TestService.passphrase)
      let again = try await Terminal(
        folder: TerminalFolder(copy), passphrase: TestService.passphrase, program: "test/1"
      )
      .renewed(passphrase: TestService.passphrase)
      #expect(again.consultantChain[0].fingerprint == first.consultantChain[0].fingerprint)
    }
  }

  @Test func aRevokedConsultantIsNotRenewed() async throws {
    try await withAged(days: 61) { service, kim in
      _ = try await service.revoke(.consultant(1))
      await expectRefusal("REVOKED") { _ = try await kim.renewed(passphrase: TestService.passphrase) }
    }
  }

  @Test func aTerminalCutOffBetweenKeyAndCertificateMendsItself() async throws {
    try await withAged(days: 61) { service, kim in
      let former = try Data(contentsOf: URL(filePath: kim.folder.file("consultant.pem")))
      let renewed = try await kim.renewed(passphrase: TestService.passphrase)
      try FileManager.default.moveItem(
        atPath: kim.folder.file("consultant.pem"), toPath: kim.folder.file("next.pem"))
      try former.write(to: URL(filePath: kim.folder.file("consultant.pem")))
      let mended = try Terminal(folder: kim.folder, passphrase: TestService.passphrase, program: "test/1")
      #expect(mended.consultantChain[0].fingerprint == renewed.consultantChain[0].fingerprint)
      _ = try await mended.login()
    }
  }

  /// Nobody leads a terminal back to a place that the service has left.
  @Test func aProfileWithALowerNumberIsRefusedAndTheFormerOneStays() async throws {
    try await withAged(days: 61, profile: 7) { service, kim in
      await service.stop()
      try await service.start { $0.profileNumber = 6 }
      let error = await #expect(throws: TerminalError.self) {
        try await kim.renewed(passphrase: TestService.passphrase)
      }
      #expect("\(error as Any)".contains("number 6, lower than the present 7"))
      let still = try Terminal(folder: kim.folder, passphrase: TestService.passphrase, program: "test/1")
      #expect(still.profile.number == 7)
      _ = try await still.login()
      await service.stop()
      try await service.start { $0.profileNumber = 8 }
      #expect(try await still.renewed(passphrase: TestService.passphrase).profile.number == 8)
    }
  }

  /// Kim's terminal with a certificate that was issued so many days ago.
  private func withAged(
    days: Int64, profile: UInt64 = 1, _ body: (TestService, Terminal) async throws -> Void
  ) async throws {
    let service = try TestService(age: 70 * Self.day)
    try await service.start { $0.profileNumber = profile }
    try await service.addCompany("Acme")
    let token = try await service.addConsultant("Kim", company: "Acme").token
    let kim = try await service.enrol("kim", token: token, holding: "Acme")
    await service.stop()
    let aged = try age(kim, in: DataFolder("\(service.root)/server"), days: days)
    try await service.start { $0.profileNumber = profile }
    do {
      try await body(service, aged)
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }

  /// Issues a certificate for the terminal's key as of days ago, and puts it into register and folder.
  private func age(_ terminal: Terminal, in folder: DataFolder, days: Int64) throws -> Terminal {
    let issuer = try folder.issuer()
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: terminal.consultantKey, commonName: "Kim", organisation: nil))
    let leaf = try issuer.issue(
      request, role: .consultant, commonName: "Kim", organisation: "Acme",
      now: Int64(Date().timeIntervalSince1970) - days * Self.day)
    let signer = try folder.key("audit/key.pem")
    let store = try SQLiteStore(path: folder.ledger, signer: { try signer.sign($0) })
    try store.begin()
    let device = try #require(MACAddress(try terminal.interface.macAddress()))
    try store.insertCertificate(CertificateRow(leaf, holder: .consultant(1), macAddress: device))
    _ = try store.insertEvent(
      EventRow(
        kind: .enrolled, consultant: 1, company: 1, time: Int64(Date().timeIntervalSince1970 * 1_000),
        text: "certificate \(Hex.encode(leaf.serial)), MAC address \(device), test/1"))
    try store.commit(lowWater: 0)
    try Data(([leaf] + issuer.chain).flatMap(\.pem)).write(to: URL(filePath: terminal.folder.file("consultant.pem")))
    return try Terminal(folder: terminal.folder, passphrase: TestService.passphrase, program: "test/1")
  }
}
