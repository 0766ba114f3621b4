import Bytes
import CountersignRPC
import Cryptography
import Foundation
import Messages
import TestAcquirer
import Testing

@testable import CountersignClient

/// "Who did this?" by order, card and consultant, over real TLS.
@Suite struct TraceTests {
  @Test func anOrderACardAndAConsultantFindTheirPaymentsAlone() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let first = try await session.pay(Self.order("A-1"), card: .test())
      let second = try await session.pay(Self.order("A-2"), card: .test())
      let other = try await session.pay(Self.order("A-1"), card: .test("5555555555554444"))
      let lee = try await service.enrol(
        "lee", token: service.addConsultant("Lee", company: "Acme").token, holding: "Acme")
      let hers = try await lee.login().pay(Self.order("A-2"), card: .test("5555555555554444"))

      let byOrder = try await service.traced(.orderReference("A-1"))
      #expect(byOrder == [first.payment, other.payment])
      let byCard = try await service.traced(.cardNumber(Array("4111111111111111".utf8)))
      #expect(byCard == [first.payment, second.payment])
      let byNumber = try await service.traced(.consultant(.of(2)))
      #expect(byNumber == [hers.payment])
      let byName = try await service.traced(.consultant(.named("Kim")))
      #expect(byName == [first.payment, second.payment, other.payment])
    }
  }

  @Test func aTraceShowsWhoAndEveryStep() async throws {
    try await TestService.withKim { service, kim in
      let paid = try await kim.login().pay(Self.order("A-7"), card: .test())
      let trace = try #require(try await service.traces(.orderReference("A-7")).first)
      #expect(trace.consultantName == "Kim" && trace.companyName == "Acme" && trace.path == "direct")
      #expect(trace.macAddress.count == 6 && trace.session.count == 16 && trace.loginTimeMs > 0)
      for (name, file) in [(trace.consultantCertificate, "kim/consultant.pem"), (trace.companyCertificate, "Acme.pem")]
      {
        let leaf = try Certificate.fromPEM([UInt8](Data(contentsOf: URL(fileURLWithPath: "\(service.root)/\(file)"))))[
          0]
        #expect(name?.serial == leaf.serial && name?.issuer == leaf.issuerText)
      }
      #expect(trace.steps.map(\.kind) == ["LOGIN", "IDENTITY", "INTENT", "APPROVED"])
      #expect(trace.payment?.payment == paid.payment)
    }
  }

  @Test func timesLeaveOutOthers() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let before = try await session.pay(.test, card: .test())
      service.clock.advanceWall(milliseconds: 60_000)
      let after = try await session.pay(.test, card: .test())
      let between = before.timeMs + 30_000
      let late = try await service.traced(.consultant(.of(1, from: between)))
      let early = try await service.traced(.consultant(.of(1, to: between)))
      #expect(late == [after.payment] && early == [before.payment])
      await expectRefusal("INVALID_FIELD") {
        _ = try await service.traced(.consultant(.of(1, from: between, to: between)))
      }
    }
  }

  @Test func manyPaymentsComeInPages() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      var paid: [UInt64] = []
      for _ in 0..<110 { paid.append(try await session.pay(Self.order("LONG"), card: .test()).payment) }
      let found = try await service.traced(.orderReference("LONG"))
      #expect(found == paid)
      #expect(try service.journal("TRACE_READ").count == 3)
    }
  }

  /// Whoever wants some of many is told how many more there are, once.
  @Test func theLastReplyOfThoseWantedCountsTheOthers() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      var paid: [UInt64] = []
      for _ in 0..<60 { paid.append(try await session.pay(Self.order("LONG"), card: .test()).payment) }
      let administrator = try service.administrator()
      func ask(after: UInt64, most: UInt64) async throws -> TracePaymentReply {
        var request = TracePaymentRequest()
        request.which = .cardNumber(Array("4111111111111111".utf8))
        (request.after, request.most) = (after, most)
        return try await administrator.run { [request] in try await $0.tracePayment(request) }
      }
      let some = try await ask(after: paid[3], most: 7)
      #expect(some.traces.map { $0.payment?.payment } == Array(paid[4..<11]))
      #expect(some.next == paid[10] && some.more == 49)
      let page = try await ask(after: 0, most: 55)
      #expect(page.traces.count < 55 && page.more == 0 && page.next == page.traces.last?.payment?.payment)
      let rest = try await ask(after: paid[57], most: 2)
      #expect(rest.traces.count == 2 && rest.next == 0 && rest.more == 0)
      let all = try await ask(after: paid[59], most: 2)
      #expect(all.traces.isEmpty && all.next == 0 && all.more == 0)
    }
  }

  @Test(arguments: [
    (TracePaymentRequest.Which.orderReference("nothing"), "PAYMENT_NOT_FOUND"),
    (.orderReference(""), "INVALID_FIELD"), (.orderReference("4111111111111111"), "INVALID_FIELD"),
    (.cardNumber(Array("5555555555554444".utf8)), "PAYMENT_NOT_FOUND"),
    (.cardNumber(Array("4111111111111112".utf8)), "INVALID_FIELD"), (.cardNumber([]), "INVALID_FIELD"),
    (.consultant(.of(9)), "CONSULTANT_NOT_FOUND"), (.consultant(.named("Nobody")), "CONSULTANT_NOT_FOUND"),
    (.consultant(ConsultantPeriod()), "INVALID_FIELD"),
  ])
  func whatCannotBeFoundIsRefusedByName(_ which: TracePaymentRequest.Which, _ reason: String) async throws {
    try await TestService.withKim { service, kim in
      _ = try await kim.login().pay(.test, card: .test())
      await expectRefusal(reason) { _ = try await service.traced(which) }
    }
  }

  @Test func readingIsJournaledAndACardOnlyMasked() async throws {
    try await TestService.withKim { service, kim in
      _ = try await kim.login().pay(.test, card: .test())
      _ = try await service.traced(.cardNumber(Array("4111111111111111".utf8)))
      _ = try await service.traced(.orderReference("A-1001"))
      await expectRefusal("INVALID_FIELD") { _ = try await service.traced(.orderReference("4111111111111111")) }
      let read = try service.journal("TRACE_READ")
      #expect(read.count == 2)
      #expect(read[0].hasPrefix("card 411111******1111, by CN=tester"), "\(read)")
      #expect(read[1].hasPrefix("order A-1001, by CN=tester"), "\(read)")
      let file = try Data(contentsOf: URL(fileURLWithPath: "\(service.root)/server/ledger.db-wal"))
      #expect(file.firstRange(of: Data("4111111111111111".utf8)) == nil)
    }
  }

  private static func order(_ reference: String) -> Order {
    Order(reference: reference, amount: 12_900, currency: "KRW")
  }
}

extension ConsultantPeriod {
  fileprivate static func of(_ number: UInt64, from: UInt64 = 0, to: UInt64 = 0) -> ConsultantPeriod {
    var period = ConsultantPeriod()
    (period.who, period.fromMs, period.toMs) = (.consultant(number), from, to)
    return period
  }

  fileprivate static func named(_ name: String) -> ConsultantPeriod {
    var period = ConsultantPeriod()
    period.who = .name(name)
    return period
  }
}

extension TestService {
  /// All pages of a trace.
  func traces(_ which: TracePaymentRequest.Which) async throws -> [Messages.Trace] {
    let administrator = try administrator()
    var request = TracePaymentRequest()
    request.which = which
    var traces: [Messages.Trace] = []
    repeat {
      let reply = try await administrator.run { [request] in try await $0.tracePayment(request) }
      traces += reply.traces
      request.after = reply.next
    } while request.after > 0
    return traces
  }

  func traced(_ which: TracePaymentRequest.Which) async throws -> [UInt64] {
    try await traces(which).map { $0.payment?.payment ?? 0 }
  }

  /// Texts of the journal's records of a kind, read by SQLite's own program.
  func journal(_ kind: String) throws -> [String] {
    try Sqlite.lines("\(root)/server/ledger.db", "SELECT body FROM event WHERE kind = '\(kind)' ORDER BY seq")
  }
}
