import Authority
import Cryptography
import Files
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// SIGHUP has a running server read its TLS certificate again (docs/operations.md, "Certificates end").
@Suite(.serialized, .timeLimit(.minutes(2))) struct ReloadTests {
  @Test func aNewCertificateIsShownAfterSIGHUPAndOpenSessionsGoOn() async throws {
    let desk = try Desk()
    let folder = "\(desk.server.root)/server"
    let session = try await terminal(desk).login()
    let former = try shownSerial(desk.server)
    let issued = try Self.issue(in: folder)
    desk.server.hangUp()
    try await desk.server.logs("TLS certificate read again")
    #expect(try shownSerial(desk.server) == issued)
    #expect(former != issued)
    var card = CardData()
    card.cardNumber = "4111111111111111"
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    let paid = try await session.pay(Order(reference: "R-1", amount: 500, currency: "KRW"), card: card)
    #expect(paid.outcome == .approved)
    try await session.logout()
  }

  @Test func aBrokenCertificateLeavesTheFormerOne() async throws {
    let desk = try Desk()
    let former = try shownSerial(desk.server)
    // Another key than the certificate's.
    try Files.write(
      try PrivateKey.generate(.p256).pem(passphrase: nil), to: "\(desk.server.root)/server/tls/key.pem")
    desk.server.hangUp()
    try await desk.server.logs("the former one stays")
    #expect(try shownSerial(desk.server) == former)
    #expect(try desk.terminal(["login", "--check"]).status == 0)
  }

  @Test func theNetworkServiceShowsTheNewCertificateToo() async throws {
    let desk = try Desk(arguments: ["--https-port", "0"])
    let former = try shownSerial(desk.server, https: true)
    let issued = try Self.issue(in: "\(desk.server.root)/server")
    desk.server.hangUp()
    try await desk.server.logs("TLS certificate read again")
    #expect(try shownSerial(desk.server, https: true) == issued)
    #expect(former != issued)
  }

  private func terminal(_ desk: Desk) throws -> Terminal {
    try Terminal(
      folder: TerminalFolder("\(desk.server.root)/terminal"),
      passphrase: .init(copying: Array("correct horse".utf8)), program: "reload/1")
  }

  /// Serial of the certificate that `openssl s_client` is shown, hexadecimal.
  private func shownSerial(_ server: ServerProcess, https: Bool = false) throws -> String {
    let (port, protocols) = https ? (server.httpsPort, "http/1.1") : (server.port, "countersign/1")
    let shown = try Program.shell(
      "openssl s_client -connect localhost:\(port) -alpn \(protocols) </dev/null 2>/dev/null"
        + " | openssl x509 -noout -serial")
    return try #require(shown.output.split(separator: "=").last).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Issues a certificate for a new key, as an operator's own tool would.
  private static func issue(in folder: String) throws -> String {
    let issuer = try ServiceFolder(folder).issuer()
    let key = PrivateKey.generate(.p256)
    let request = try CertificateRequest.make(key: key, commonName: "localhost", organisation: nil)
    let leaf = try issuer.issue(
      try CertificateRequest(der: request), role: .server, commonName: "localhost", organisation: nil,
      dnsNames: ["localhost"], now: Int64(Date().timeIntervalSince1970))
    try Files.write(try key.pem(passphrase: nil), to: "\(folder)/tls/key.pem")
    try Files.write(([leaf] + issuer.chain).flatMap(\.pem), to: "\(folder)/tls/chain.pem")
    return leaf.serial.map { String(format: "%02X", $0) }.joined()
  }
}
