import NIOCore
import TestCertificates
import TestPrograms
import Testing

@testable import TLS

/// Our client against `openssl s_server`.
@Suite(.timeLimit(.minutes(1))) struct OpenSSLServerTests {
  /// Starts the server, connects, and hands over what our side saw.
  private func withServer(
    _ arguments: [String], authority: TestAuthority, pinned: TestAuthority? = nil,
    recordsPerKey: UInt64 = Session.recordsPerKey, applicationProtocol: ApplicationProtocol = .countersign,
    _ body: (any Channel, Events, RunningProgram) async throws -> Void
  ) async throws {
    let files = try IdentityFiles(authority.issue(.server))
    let program = try openSSLProgram(
      [
        "s_server", "-accept", "127.0.0.1:0", "-cert", files.certificate, "-cert_chain", files.chain, "-key",
        files.key,
      ] + arguments)
    try await program.eventuallyPrints("ACCEPT 127.0.0.1:")
    let port = program.output.split(separator: "ACCEPT 127.0.0.1:")[1].prefix { $0.isNumber }
    let events = Events()
    let context = try TLSContext.client(
      verify: (pinned ?? authority).verification(), applicationProtocol: applicationProtocol)
    let channel = try await connect(context, port: try #require(Int(port)), events, recordsPerKey: recordsPerKey)
    try await body(channel, events, program)
    program.kill()
  }

  private static let alpn = ["-alpn", "countersign/1"]

  @Test func completesAndGetsAnAnswer() async throws {
    try await withServer(Self.alpn + ["-rev"], authority: TestAuthority()) { channel, events, _ in
      try await channel.writeAndFlush(ByteBuffer(string: "abc\n"))
      try await eventually { !events.now.bytes.isEmpty }
      #expect(events.now.bytes == Array("cba\n".utf8))
      #expect(events.now.peerChain?.count == 3)
    }
  }

  @Test func keyUpdatesOfTheServerAreAnswered() async throws {
    try await withServer(Self.alpn + ["-msg"], authority: TestAuthority()) { channel, events, server in
      try await eventually { events.now.peerChain != nil }
      for round in 1...3 {
        server.type("K\n")
        try await eventually { server.output.split(separator: ">>> TLS 1.3, Handshake [length 0005]").count > round }
        server.type("\(round)\n")
        try await eventually { events.now.bytes.count == 2 * round }
        try await channel.writeAndFlush(ByteBuffer(string: "answer \(round)\n"))
        try await server.eventuallyPrints("answer \(round)")
        #expect(server.output.split(separator: "<<< TLS 1.3, Handshake [length 0005]").count == round + 1)
      }
      #expect(events.now.error == nil)
    }
  }

  @Test func keysChangeAfterAsManyRecordsAsAreAllowedAndTheConnectionGoesOn() async throws {
    try await withServer(Self.alpn + ["-rev", "-msg"], authority: TestAuthority(), recordsPerKey: 3) {
      channel, events, server in
      try await eventually { events.now.peerChain != nil }
      for round in 1...10 {
        try await channel.writeAndFlush(ByteBuffer(string: "ab\n"))
        try await eventually { events.now.bytes.count == 3 * round }
      }
      // Before the 4th, 7th and 10th record.
      #expect(server.output.split(separator: "<<< TLS 1.3, Handshake [length 0005], KeyUpdate").count == 3 + 1)
      #expect(events.now.bytes == Array(String(repeating: "ba\n", count: 10).utf8))
      #expect(events.now.error == nil)
    }
  }

  @Test(arguments: [ApplicationProtocol.countersign, .http])
  func aServerWithoutALPNIsRefused(_ applicationProtocol: ApplicationProtocol) async throws {
    try await withServer([], authority: TestAuthority(), applicationProtocol: applicationProtocol) { _, events, _ in
      try await eventually { events.now.error != nil }
      guard case .noALPN(applicationProtocol.name)? = events.now.error else {
        Issue.record("got \(String(describing: events.now.error))")
        return
      }
      #expect(events.now.peerChain == nil)
    }
  }

  @Test func aServerOfTLS12IsRefused() async throws {
    try await withServer(Self.alpn + ["-tls1_2"], authority: TestAuthority()) { _, events, _ in
      try await eventually { events.now.error != nil }
      guard case .protocolError? = events.now.error else {
        Issue.record("got \(String(describing: events.now.error))")
        return
      }
    }
  }

  @Test func aServerUnderAnotherRootIsRefused() async throws {
    let pinned = try TestAuthority()
    try await withServer(Self.alpn, authority: TestAuthority(), pinned: pinned) { _, events, server in
      try await eventually { events.now.error != nil }
      guard case .rootNotPresented(pinned.root.fingerprint)? = events.now.error else {
        Issue.record("got \(String(describing: events.now.error))")
        return
      }
      try await server.eventuallyPrints("bad certificate")
    }
  }

  @Test func aCloseIsSeenByTheServerAsClean() async throws {
    try await withServer(Self.alpn, authority: TestAuthority()) { channel, events, server in
      try await eventually { events.now.peerChain != nil }
      try await channel.close()
      try await server.eventuallyPrints("DONE")
      #expect(events.now.error == nil)
    }
  }
}
