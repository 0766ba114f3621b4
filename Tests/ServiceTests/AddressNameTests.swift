import Messages
import Testing

@testable import CountersignClient

/// Services whose TLS certificate names addresses, as iPAddress (RFC 5280 section 4.2.1.6).
@Suite struct AddressNameTests {
  @Test func terminalsFindTheAddressOfTheirProfileInTheCertificate() async throws {
    let service = try TestService(hosts: ["127.0.0.1", "::1"])
    try await service.start()
    try await service.addCompany("Acme")
    let token = try await service.addConsultant("Kim", company: "Acme").token
    let kim = try await service.enrol("kim", token: token, holding: "Acme")
    #expect(kim.profile.hopDnsName == "127.0.0.1")
    let session = try await kim.login()
    #expect(try await session.pay(.test, card: .test()).outcome == .approved)
    try await session.logout()
    await service.stop()
  }
}
