import AcquirerISO8583
import CheckoutService
import CountersignClient
import Foundation
import Messages
import Payments
import TestAcquirer
import Testing

/// The whole service with an independent acquirer's host, through every fault that the host knows. In the end the host's
/// log and the ledger agree about what is charged.
@Suite(.timeLimit(.minutes(3))) struct AcquirerLinkTests {
  /// Card, what the caller is told in the end, and the state.
  static let cards: [(card: String, outcome: Messages.Outcome, state: Messages.PaymentState)] = [
    ("4111111111111111", .approved, .approved),
    ("4000000000000515", .declined, .declined),
    ("4000000000009011", .notCharged, .reversed),
    ("4000000000009029", .approved, .approved),
    ("4000000000009037", .approved, .approved),
    ("4000000000009045", .notCharged, .reversed),
    ("4000000000009052", .notCharged, .reversed),
    ("4000000000009060", .pending, .reversalRefused),
    ("4000000000009078", .notCharged, .reversed),
    ("4000000000009102", .approved, .approved),
    ("4000000000009110", .notCharged, .reversed),
    ("4000000000009128", .approved, .approved),
    ("4000000000009136", .approved, .approved),
    ("4000000000009144", .notCharged, .reversed),
    ("4000000000009151", .declined, .declined),
    ("4000000000009169", .approved, .approved),
    ("4000000000009177", .declined, .declined),
  ]

  /// Cuts the line, and with it the answers to others that are under way: it is paid alone.
  static let cuttingCard = "4000000000009136"

  @Test func throughEveryFaultTheHostsLogEqualsTheLedger() async throws {
    try await Self.withService(host: ["--delay-ms", "200", "--late-ms", "9000"]) { service, host, terminal in
      let session = try await terminal.login()
      var results = try await withThrowingTaskGroup(of: (String, PaymentResult).self) { group in
        for entry in Self.cards where entry.card != Self.cuttingCard {
          group.addTask { (entry.card, try await Self.pay(session, card: entry.card)) }
        }
        return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
      }
      results[Self.cuttingCard] = try await Self.pay(session, card: Self.cuttingCard)
      for entry in Self.cards {
        #expect(results[entry.card]?.outcome == entry.outcome, "\(entry.card)")
      }
      // What was told as declined and approved after all is reversed behind the caller's back.
      try await eventually("all is settled") { try Self.unresolved(service) == ["9"] }
      #expect(try Self.charged(service) == host.charged)
      // Another STAN, a format error, and bytes that are no message.
      let unmatched = try Self.sqlite(service, "SELECT body FROM event WHERE kind = 'UNMATCHED_ANSWER'")
      for words in ["nobody asked", "check the dialect", "an unreadable message: MTI"] {
        #expect(unmatched.contains { $0.contains(words) }, "\(unmatched)")
      }
      for name in ["ledger.db", "ledger.db-wal", "acquirer/stan"] {
        let bytes = FileManager.default.contents(atPath: "\(service.root)/server/\(name)") ?? Data()
        for entry in Self.cards { #expect(bytes.range(of: Data(entry.card.utf8)) == nil, "\(name)") }
      }
    }
  }

  @Test func aTraceNamesTerminalAndTraceNumber() async throws {
    try await Self.withService { service, host, terminal in
      let session = try await terminal.login()
      let result = try await Self.pay(session, card: "4111111111111111")
      var request = TracePaymentRequest()
      request.which = .payment(result.payment)
      let reply = try await service.administrator().run { [request] in try await $0.tracePayment(request) }
      let intent = try #require(reply.traces.first?.steps.first { $0.kind == "INTENT" })
      let words = try #require(host.lines.first)
      #expect(intent.text.hasSuffix("terminal \(words[1]), STAN \(words[2]), reference \(words[4])"))
    }
  }

  @Test func refundsAndVoidsThatTheDialectLacksAreRefusedByName() async throws {
    try await Self.withService(without: [.refund, .void]) { service, _, terminal in
      let paid = try await Self.pay(terminal.login(), card: "4111111111111111")
      for kind in [Messages.OperationKind.refund, .void] {
        await expectRefusal("OPERATION_UNSUPPORTED", field: "kind") {
          _ = try await service.request(kind, paid.payment, kind == .refund ? 1 : 0)
        }
      }
    }
  }

  @Test func withoutALineNothingIsChargedAndThePaymentIsOver() async throws {
    try await Self.withService { service, host, terminal in
      let session = try await terminal.login()
      #expect(try await Self.pay(session, card: "4111111111111111").outcome == .approved)
      host.stop()
      try await eventually("a payment is not sent") {
        try await Self.pay(session, card: "4111111111111111").outcome == .notCharged
      }
      try host.start()
      try await eventually("a payment is sent again") {
        try await Self.pay(session, card: "4111111111111111").outcome == .approved
      }
      try await eventually("all is settled") { try Self.unresolved(service).isEmpty }
      #expect(try Self.charged(service) == host.charged)
    }
  }

  // MARK: -

  private static func withService(
    host arguments: [String] = [], without left: [Dialect.MessageKind] = [],
    _ body: (TestService, HostProcess, Terminal) async throws -> Void
  ) async throws {
    let service = try TestService()
    let host = try HostProcess(folder: service.root, arguments: arguments)
    let path = try Dialect.writeExample(
      "example-1987",
      ["address": "address localhost:\(host.port)", "answer-timeout": "answer-timeout 4000"], in: service.root)
    var dialect = try Dialect(path: path)
    for kind in left { dialect.messages[kind] = nil }
    try await service.start(acquirer: .iso8583(dialect))
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      try await body(service, host, service.enrol("kim", token: token, holding: "Acme"))
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }

  /// Pays and asks until there is an outcome, or only operators can give one.
  private static func pay(_ session: TerminalSession, card: String) async throws -> PaymentResult {
    let key = session.makeKey()
    var result = try await session.pay(Order.test, card: .test(card), key: key)
    for _ in 0..<80 where result.outcome == .pending && result.state != .reversalRefused {
      result = try #require(try await session.payment(key: key, waitMilliseconds: 500))
    }
    return result
  }

  /// States of what is not over.
  private static func unresolved(_ service: TestService) throws -> [String] {
    try sqlite(
      service,
      """
      SELECT coalesce(u.state, 1) FROM payment p LEFT JOIN outcome o ON o.payment = p.seq
      LEFT JOIN unresolved u ON u.payment = p.seq WHERE o.payment IS NULL OR u.payment IS NOT NULL
      """)
  }

  /// Sales that the ledger holds for charged, as ``HostProcess/charged`` names them.
  private static func charged(_ service: TestService) throws -> Set<String> {
    let originals = try sqlite(
      service,
      """
      SELECT hex(p.original) FROM payment p LEFT JOIN outcome o ON o.payment = p.seq
      LEFT JOIN unresolved u ON u.payment = p.seq WHERE coalesce(u.state, o.state) IN (2, 9)
      """)
    return Set(try originals.map { try #require(OriginalElements.hostName(hex: $0)) })
  }

  private static func sqlite(_ service: TestService, _ statement: String) throws -> [String] {
    try Sqlite.lines("\(service.root)/server/ledger.db", statement)
  }
}

/// Waits for a condition; records an issue where it does not come true within 30 seconds.
private func eventually(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(30)
  while try await !condition() {
    guard ContinuousClock.now < end else {
      Issue.record("\(what) did not happen", sourceLocation: sourceLocation)
      return
    }
    try await Task.sleep(for: .milliseconds(100))
  }
}
