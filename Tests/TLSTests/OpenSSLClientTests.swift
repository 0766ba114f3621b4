import NIOCore
import NIOPosix
import TestCertificates
import TestPrograms
import Testing

@testable import TLS

/// Our server against `openssl s_client`.
@Suite(.timeLimit(.minutes(1))) struct OpenSSLClientTests {
  private func withServer(
    clientAnchors: Bool = false, recordsPerKey: UInt64 = Session.recordsPerKey, _ arguments: [String],
    _ body: (RunningProgram, EchoServer) async throws -> Void
  ) async throws {
    let authority = try TestAuthority()
    let identity = try authority.issue(.server, dnsNames: ["pay.example"])
    let files = try IdentityFiles(identity)
    let server = try await EchoServer(
      identity.server(clientAnchors: clientAnchors ? [authority.root] : []), recordsPerKey: recordsPerKey)
    let program = try openSSLProgram(
      ["s_client", "-connect", "127.0.0.1:\(server.port)", "-CAfile", files.root] + arguments)
    try await body(program, server)
    program.kill()
    try await server.close()
  }

  private static let alpn = ["-alpn", "countersign/1"]

  @Test func completesAndEchoes() async throws {
    try await withServer(Self.alpn) { client, _ in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      #expect(client.output.contains("TLSv1.3"))
      #expect(client.output.contains("ALPN protocol: countersign/1"))
      client.type("hello there\n")
      try await client.eventuallyPrints("hello there")
    }
  }

  @Test func theNameIsTheCertificates() async throws {
    try await withServer(Self.alpn + ["-verify_hostname", "pay.example", "-verify_return_error"]) { client, _ in
      try await client.eventuallyPrints("Verified peername: pay.example")
    }
  }

  @Test func noSessionTicketIsSent() async throws {
    try await withServer(Self.alpn) { client, _ in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      client.type("hello there\n")
      try await client.eventuallyPrints("\nhello there")
      #expect(!client.output.contains("New Session Ticket arrived"))
    }
  }

  @Test func anotherProtocolIsRefusedByName() async throws {
    try await withServer(["-alpn", "h2"]) { client, server in
      try await client.eventuallyPrints("no application protocol")
      try await eventually { server.events.now.error != nil }
      guard case .noALPN("countersign/1")? = server.events.now.error else {
        Issue.record("got \(String(describing: server.events.now.error))")
        return
      }
    }
  }

  @Test func aClientWithoutALPNIsRefused() async throws {
    try await withServer([]) { client, server in
      try await client.eventuallyPrints("no application protocol")
      try await eventually { server.events.now.error != nil }
      #expect(server.events.now.peerChain == nil)
    }
  }

  @Test func tls12IsRefused() async throws {
    try await withServer(Self.alpn + ["-tls1_2"]) { client, server in
      try await client.eventuallyPrints("alert protocol version")
      try await eventually { server.events.now.error != nil }
      #expect("\(server.events.now.error, default: "")".contains("unsupported protocol"))
    }
  }

  @Test func keyUpdatesInBothDirectionsAreFollowed() async throws {
    try await withServer(Self.alpn) { client, _ in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      for round in 0..<3 {
        client.type("K\n")
        try await eventually { client.output.split(separator: "KEYUPDATE").count == round + 2 }
        client.type("after key update \(round)\n")
        try await client.eventuallyPrints("\nafter key update \(round)")
      }
    }
  }

  @Test func keysChangeAfterAsManyRecordsAsAreAllowedAndTheConnectionGoesOn() async throws {
    try await withServer(recordsPerKey: 3, Self.alpn + ["-msg"]) { client, _ in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      for round in 1...10 {
        client.type("line \(round)\n")
        try await client.eventuallyPrints("\nline \(round)\n")
      }
      // Before the 4th, 7th and 10th record.
      #expect(client.output.split(separator: "<<< TLS 1.3, Handshake [length 0005], KeyUpdate").count == 3 + 1)
    }
  }

  @Test(arguments: [["-alpn", "h2,http/1.1"], []])
  func aServerOfHTTPTakesClientsThatOfferItOrNothing(_ arguments: [String]) async throws {
    try await withHTTPServer(arguments) { client, server in
      try await eventually { server.events.now.peerChain != nil }
      try await client.eventuallyPrints(arguments.isEmpty ? "No ALPN negotiated" : "ALPN protocol: http/1.1")
    }
  }

  @Test func aServerOfHTTPRefusesAnotherProtocol() async throws {
    try await withHTTPServer(Self.alpn) { client, server in
      try await client.eventuallyPrints("no application protocol")
      try await eventually { server.events.now.error != nil }
      #expect(server.events.now.peerChain == nil)
    }
  }

  private func withHTTPServer(
    _ arguments: [String], _ body: (RunningProgram, EchoServer) async throws -> Void
  ) async throws {
    let identity = try TestAuthority().issue(.server)
    let context = try TLSContext.server(chain: identity.chain, key: identity.key, applicationProtocol: .http)
    let server = try await EchoServer(context)
    let client = try openSSLProgram(["s_client", "-connect", "127.0.0.1:\(server.port)"] + arguments)
    try await body(client, server)
    client.kill()
    try await server.close()
  }

  @Test func anAdministratorsCertificateIsToldToTheServer() async throws {
    let authority = try TestAuthority()
    let server = try await EchoServer(authority.issue(.server).server(clientAnchors: [authority.root]))
    let files = try IdentityFiles(authority.issue(.administrator))
    let client = try openSSLProgram(
      [
        "s_client", "-connect", "127.0.0.1:\(server.port)", "-cert", files.certificate, "-cert_chain", files.chain,
        "-key", files.key,
      ] + Self.alpn)
    try await eventually { server.events.now.peerChain != nil }
    #expect(server.events.now.peerChain?.map(\.commonName) == ["Test administrator", "Test issuing", "Test root"])
    client.kill()
    try await server.close()
  }

  @Test func quittingIsACleanEnd() async throws {
    try await withServer(Self.alpn) { client, server in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      client.type("Q\n")
      try await eventually { server.events.now.isInactive }
      #expect(server.events.now.isInputClosed)
      #expect(server.events.now.error == nil)
    }
  }

  @Test func aKilledClientIsAnUncleanEnd() async throws {
    try await withServer(Self.alpn) { client, server in
      try await client.eventuallyPrints("Verify return code: 0 (ok)")
      client.kill()
      try await eventually { server.events.now.isInactive }
      guard case .uncleanShutdown? = server.events.now.error else {
        Issue.record("got \(String(describing: server.events.now.error))")
        return
      }
    }
  }

  @Test func aSilentConnectionIsCut() async throws {
    var timeouts = TLSTimeouts()
    timeouts.handshake = 20_000_000
    let server = try await EchoServer(TestAuthority().issue(.server).server(), timeouts: timeouts)
    let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: server.port).get()
    try await silent.closeFuture.get()
    guard case .handshakeTimeout? = server.events.now.error else {
      Issue.record("got \(String(describing: server.events.now.error))")
      return
    }
    try await server.close()
  }
}
