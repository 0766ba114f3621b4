import Foundation
import ISO8583
import TestAcquirer
import TestPrograms
import Testing

@testable import AcquirerISO8583

/// The link over TLS, against Python's ssl with certificates of the openssl program.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TLSLinkTests {
  @Test func salesRunOverTLSWithCertificatesOnBothSides() async throws {
    let link = try Link(tls: { folder in
      let files = try Certificates(folder)
      return (
        [
          "--tls-cert", files.path("host.pem"), "--tls-key", files.path("host.key"), "--tls-client-ca",
          files.path("ca.pem"),
        ],
        """
        tls-anchors \(files.path("ca.pem"))
        tls-chain \(files.path("client.pem"))
        tls-key \(files.path("client.key"))
        """
      )
    })
    try await link.up()
    for payment in 1...20 as ClosedRange<Int64> { #expect(try await link.results(.sale, payment) == [.approved]) }
    #expect(try await link.results(.sale, 21, card: "4000000000009136") == [.unknown])
    try await link.up()
    #expect(try await link.results(.sale, 22) == [.approved])
    await link.acquirer.stop()
  }

  @Test(arguments: ["tls-anchors other.pem", "tls-anchors ca.pem\ntls-name other.example", "tls-anchors ca.pem"])
  func aHostThatIsNotTheOneExpectedGetsNothing(_ lines: String) async throws {
    let isClientMissing = lines == "tls-anchors ca.pem"
    let link = try Link(tls: { folder in
      let files = try Certificates(folder)
      let client = isClientMissing ? ["--tls-client-ca", files.path("ca.pem")] : []
      return (
        ["--tls-cert", files.path("host.pem"), "--tls-key", files.path("host.key")] + client,
        lines.replacing("anchors ", with: "anchors \(folder.path)/")
      )
    })
    try await Task.sleep(for: .milliseconds(1_500))
    #expect(!link.acquirer.isUp)
    #expect(try await link.results(.sale, 1) == [.notSent])
    #expect(link.host.lines.isEmpty)
    await link.acquirer.stop()
  }
}

/// A certificate authority, a host for "localhost", a client, and another authority.
private struct Certificates {
  private let folder: TemporaryFolder

  init(_ folder: TemporaryFolder) throws {
    self.folder = folder
    for name in ["ca", "other"] {
      try openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path("\(name).key"), "-out", path("\(name).pem"),
        "-subj", "/CN=\(name)", "-days", "2")
    }
    try issue("host", "subjectAltName=DNS:localhost")
    try issue("client", "extendedKeyUsage=clientAuth")
  }

  func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  private func issue(_ name: String, _ extensions: String) throws {
    try extensions.write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
    try openssl(
      "req", "-newkey", "rsa:2048", "-nodes", "-keyout", path("\(name).key"), "-out", path("\(name).csr"), "-subj",
      "/CN=\(name)")
    try openssl(
      "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial",
      "-out", path("\(name).pem"), "-days", "2", "-extfile", path("\(name).ext"))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
  }

  private func openssl(_ arguments: String...) throws {
    try runProgram("openssl", arguments).good()
  }
}
