import CountersignRPC
import Foundation
import Messages
import TestAcquirer
import Testing

@testable import CountersignClient

/// Lists and reports of payments, compared with what SQLite's own program counts.
@Suite struct PaymentListTests {
  private static let declined = "4000000000000515"

  @Test func filtersLeaveOutWhatIsNotMeant() async throws {
    try await withPayments { service, numbers in
      func list(_ change: (inout PaymentFilter) -> Void) async throws -> [UInt64] {
        var filter = PaymentFilter()
        change(&filter)
        return try await service.list(filter).map { $0.payment?.payment ?? 0 }
      }
      #expect(try await list { _ in } == numbers)
      #expect(try await list { $0.state = .declined } == [numbers[2]])
      #expect(try await list { $0.orderReference = "A-1" } == [numbers[0], numbers[3]])
      #expect(try await list { ($0.orderReference, $0.state) = ("A-1", .declined) } == [])
      #expect(try await list { $0.consultant = "Lee" } == [numbers[3]])
      #expect(try await list { ($0.consultant, $0.orderReference) = ("1", "A-1") } == [numbers[0]])
      #expect(try await list { $0.company = "Acme" } == [numbers[0], numbers[1], numbers[2]])
      #expect(try await list { ($0.company, $0.state) = ("2", .approved) } == [numbers[3]])
      let third = try await service.list(PaymentFilter())[2]
      #expect(third.companyName == "Acme" && third.consultantName == "Kim" && third.payment?.responseCode == "51")
      let time = third.payment?.timeMs ?? 0
      #expect(try await list { $0.fromMs = time } == Array(numbers[2...]))
      #expect(try await list { $0.toMs = time } == Array(numbers[..<2]))
      let read = try service.journal("PAYMENTS_READ")
      #expect(read.contains { $0.hasPrefix("list of company 1, by CN=tester") }, "\(read)")
    }
  }

  @Test func manyPaymentsComeInPages() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      for index in 0..<110 { _ = try await session.pay(Self.order("P-\(index % 2)", 100), card: .test()) }
      let all = try Sqlite.lines("\(service.root)/server/ledger.db", "SELECT seq FROM payment ORDER BY seq")
      #expect(try await service.list(PaymentFilter()).map { "\($0.payment?.payment ?? 0)" } == all)
      var filter = PaymentFilter()
      filter.consultant = "Kim"
      #expect(try await service.list(filter).count == 110)
      filter.orderReference = "P-1"
      #expect(try await service.list(filter).count == 55)
    }
  }

  @Test(arguments: [
    ("COMPANY_NOT_FOUND", "filter.company"), ("CONSULTANT_NOT_FOUND", "filter.consultant"),
    ("INVALID_FIELD", "filter.state"), ("INVALID_FIELD", "filter.order_reference"), ("INVALID_FIELD", "filter.to_ms"),
  ])
  func aWrongFilterIsNamed(_ reason: String, _ field: String) async throws {
    let service = try await Self.service.value()
    var filter = PaymentFilter()
    switch field {
    case "filter.company": filter.company = "Nobody"
    case "filter.consultant": filter.consultant = "9"
    case "filter.state": filter.state = PaymentState(rawValue: 200)
    case "filter.order_reference": filter.orderReference = "4111111111111111"
    default: (filter.fromMs, filter.toMs) = (2, 1)
    }
    await expectRefusal(reason, field: field) { _ = try await service.list(filter) }
  }

  @Test func aReportAddsUpToWhatTheRowsSay() async throws {
    try await withPayments { service, _ in
      let day = String(ISO8601DateFormatter().string(from: Date()).prefix(10))
      let totals = try await service.report(day: day, zone: "")
      let lines = totals.map {
        "\($0.company)|\($0.companyName)|\($0.consultant)|\($0.consultantName)|\($0.currency)|\($0.state.rawValue)|"
          + "\($0.count)|\($0.amount)"
      }
      let rows = try Sqlite.lines(
        "\(service.root)/server/ledger.db",
        """
        SELECT p.company, k.name, p.consultant, c.name, CASE currency WHEN 4936279 THEN 'KRW' ELSE 'EUR' END, o.state,
          count(*), sum(amount)
        FROM payment p JOIN outcome o ON o.payment = p.seq JOIN company k ON k.id = p.company
          JOIN consultant c ON c.id = p.consultant
        GROUP BY p.company, p.consultant, currency, o.state
        """)
      #expect(lines.sorted() == rows.sorted() && rows.count == 4)
    }
  }

  /// Just before and just after midnight in Seoul, which is 15:00 UTC.
  @Test func aDayIsThatOfItsZone() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let now = service.clock.service.wall()
      let midnight = (now / 86_400_000 + 1) * 86_400_000 + 15 * 3_600_000
      service.clock.advanceWall(milliseconds: midnight - now - 60_000)
      _ = try await session.pay(Self.order("A", 100), card: .test(), key: service.key(session))
      service.clock.advanceWall(milliseconds: 120_000)
      _ = try await session.pay(Self.order("B", 20), card: .test(), key: service.key(session))
      let days = [midnight - 86_400_000, midnight].map {
        let format = ISO8601DateFormatter()
        format.timeZone = TimeZone(identifier: "Asia/Seoul")
        return String(format.string(from: Date(timeIntervalSince1970: Double($0) / 1_000)).prefix(10))
      }
      #expect(try await service.report(day: days[0], zone: "Asia/Seoul").map(\.amount) == [100])
      #expect(try await service.report(day: days[1], zone: "Asia/Seoul").map(\.amount) == [20])
    }
  }

  @Test(arguments: [("2026-02-30", "", "day"), ("2026-11-23", "Asia/Nowhere", "time_zone")])
  func aWrongDayOrZoneIsNamed(_ day: String, _ zone: String, _ field: String) async throws {
    let service = try await Self.service.value()
    await expectRefusal("INVALID_FIELD", field: field) { _ = try await service.report(day: day, zone: zone) }
  }

  /// For tests that only ask.
  private static let service = Shared {
    let service = try TestService()
    try await service.start()
    return service
  }

  /// Three payments of Kim of Acme, the third declined, and one of Lee of Beta.
  private func withPayments(_ body: (TestService, [UInt64]) async throws -> Void) async throws {
    try await TestService.withKim { service, kim in
      try await service.addCompany("Beta")
      let lee = try await service.enrol(
        "lee", token: service.addConsultant("Lee", company: "Beta").token, holding: "Beta")
      let session = try await kim.login()
      var numbers: [UInt64] = []
      for (reference, card) in [("A-1", "4111111111111111"), ("A-2", "4111111111111111"), ("A-3", Self.declined)] {
        let currency = reference == "A-2" ? "EUR" : "KRW"
        let order = Order(reference: reference, amount: 500, currency: currency)
        numbers.append(try await session.pay(order, card: .test(card)).payment)
        service.clock.advanceWall(milliseconds: 10)
      }
      numbers.append(try await lee.login().pay(Self.order("A-1", 70), card: .test()).payment)
      try await body(service, numbers)
    }
  }

  private static func order(_ reference: String, _ amount: UInt64) -> Order {
    Order(reference: reference, amount: amount, currency: "KRW")
  }
}

/// Made once, at its first use.
private actor Shared<Value: Sendable> {
  private var made: Task<Value, any Error>?
  private let make: @Sendable () async throws -> Value

  init(_ make: @escaping @Sendable () async throws -> Value) { self.make = make }

  func value() async throws -> Value {
    let task = made ?? Task { [make] in try await make() }
    made = task
    return try await task.value
  }
}

extension TestService {
  func list(_ filter: PaymentFilter) async throws -> [ListedPayment] {
    try await administrator().run { client in
      var request = ListPaymentsRequest()
      request.filter = filter
      var payments: [ListedPayment] = []
      repeat {
        let reply = try await client.listPayments(request)
        payments += reply.payments
        request.after = reply.next
      } while request.after > 0
      return payments
    }
  }

  func report(day: String, zone: String) async throws -> [ReportTotal] {
    try await administrator().run { client in
      var request = ReportDayRequest()
      (request.day, request.timeZone) = (day, zone)
      var totals: [ReportTotal] = []
      repeat {
        let reply = try await client.reportDay(request)
        totals += reply.parts.flatMap(\.totals)
        request.after = reply.next
      } while request.after > 0
      return totals
    }
  }

  /// By the service's clock as the test has set it.
  fileprivate func key(_ session: TerminalSession) -> [UInt8] { session.makeKey(at: clock.service.wall()) }
}

/// Records an issue where `body` is not refused for `reason`, naming `field`.
///
/// - Returns: what it was refused with.
@discardableResult
func expectRefusal(
  _ reason: String, field: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> RPCStatus? {
  do {
    try await body()
    Issue.record("was not refused", sourceLocation: sourceLocation)
  } catch TerminalError.refused(let status) {
    #expect(status.reason == reason && status.violations.map(\.field) == [field], sourceLocation: sourceLocation)
    return status
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
  return nil
}
