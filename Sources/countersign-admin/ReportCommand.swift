import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Sums up a day.
struct Report: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Counts and sums a day's payments per company, consultant, currency and state.",
    discussion: """
      A payment belongs to the day on which it was recorded, and is counted under the state that it has now, which refunds
      and voids change. "refunded" is what was given back of the amount, whenever that was. In CSV and JSON amounts are
      minor units.

      EXAMPLES
        countersign-admin report --day 2026-11-23 --time-zone Asia/Seoul
        countersign-admin report --day 2026-11-23 --output csv >day.csv
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, csv, json }

  @Option(help: "The day, YYYY-MM-DD.")
  var day: String

  @Option(help: "Zone of the day, for example Asia/Seoul; default UTC.")
  var timeZone: String?

  @Option(help: "text, csv or json.")
  var output: Format = .text

  @OptionGroup var connection: AdminConnection

  func run() async throws {
    try await AdminProgram.run(["day": "--day", "time_zone": "--time-zone"]) {
      var first = ReportDayRequest()
      (first.day, first.timeZone) = (day, timeZone ?? "")
      let totals = try await connection.administrator().run { [first] client in
        var (request, totals) = (first, DayTotals())
        repeat {
          let reply = try await client.reportDay(request)
          totals.add(reply)
          request.after = reply.next
        } while request.after > 0
        return totals
      }
      switch output {
      case .text: totals.printText()
      case .csv: totals.printCSV()
      case .json: totals.printJSON(day: day, timeZone: timeZone ?? "UTC")
      }
    }
  }
}

/// A day's totals, added up.
struct DayTotals: Sendable {
  private struct Key: Hashable, Comparable {
    var company: UInt64
    var consultant: UInt64
    var currency: String
    var state: String

    static func < (left: Key, right: Key) -> Bool {
      (left.company, left.consultant, left.currency, left.state)
        < (right.company, right.consultant, right.currency, right.state)
    }
  }
  private struct Sum {
    var count: UInt64 = 0
    var amount: UInt64 = 0
    var refunded: UInt64 = 0

    static func += (left: inout Sum, right: Sum) {
      left.count += right.count
      left.amount = sum(left.amount, right.amount)
      left.refunded = sum(left.refunded, right.refunded)
    }

    /// A sum that no number holds stays at the highest one.
    private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
      let (sum, isOver) = one.addingReportingOverflow(other)
      return isOver ? .max : sum
    }
  }
  private var from: UInt64 = 0
  private var to: UInt64 = 0
  private var sums: [Key: Sum] = [:]
  private var companies: [UInt64: String] = [:]
  private var consultants: [UInt64: String] = [:]

  mutating func add(_ reply: ReportDayReply) {
    (from, to) = (reply.fromMs, reply.toMs)
    for total in reply.parts.flatMap(\.totals) { add(total) }
  }

  private mutating func add(_ total: ReportTotal) {
    let key = Key(
      company: total.company, consultant: total.consultant, currency: total.currency, state: total.state.text)
    sums[key, default: Sum()] += Sum(count: total.count, amount: total.amount, refunded: total.refunded)
    companies[total.company] = total.companyName
    consultants[total.consultant] = total.consultantName
  }

  private var rows: [(key: Key, sum: Sum)] { sums.map { ($0.key, $0.value) }.sorted { $0.key < $1.key } }

  func printText() {
    Console.print("from \(TimeText.instant(Int64(clamping: from))) to \(TimeText.instant(Int64(clamping: to)))")
    var company: UInt64?
    for (key, sum) in rows {
      if key.company != company {
        company = key.company
        Console.print("company \(key.company) \(companies[key.company] ?? "")")
        printSums(of: key.company)
      }
      Console.print("  consultant \(key.consultant) \(consultants[key.consultant] ?? "")  \(Self.text(key, sum))")
    }
    Console.print("all companies")
    printSums(of: nil)
  }

  /// Sums per currency and state.
  private func printSums(of company: UInt64?) {
    var totals: [Key: Sum] = [:]
    for (key, sum) in rows where company == nil || key.company == company {
      let whole = Key(company: 0, consultant: 0, currency: key.currency, state: key.state)
      totals[whole, default: Sum()] += sum
    }
    for (key, sum) in totals.sorted(by: { $0.key < $1.key }) { Console.print("  \(Self.text(key, sum))") }
  }

  private static func text(_ key: Key, _ sum: Sum) -> String {
    "\(key.state)  \(sum.count)  \(Money.text(sum.amount, key.currency))"
      + (sum.refunded > 0 ? ", refunded \(Money.text(sum.refunded, key.currency))" : "")
  }

  func printCSV() {
    Console.print(
      CSV.line([
        "company", "company_name", "consultant", "consultant_name", "currency", "state", "count", "amount", "refunded",
      ]))
    for (key, sum) in rows {
      Console.print(
        CSV.line([
          "\(key.company)", companies[key.company] ?? "", "\(key.consultant)", consultants[key.consultant] ?? "",
          key.currency, key.state, "\(sum.count)", "\(sum.amount)", "\(sum.refunded)",
        ]))
    }
  }

  func printJSON(day: String, timeZone: String) {
    let totals = rows.map { key, sum in
      JSON.object([
        ("company", .number(Int64(clamping: key.company))), ("company_name", .text(companies[key.company] ?? "")),
        ("consultant", .number(Int64(clamping: key.consultant))),
        ("consultant_name", .text(consultants[key.consultant] ?? "")), ("currency", .text(key.currency)),
        ("state", .text(key.state)), ("count", .number(Int64(clamping: sum.count))),
        ("amount", .number(Int64(clamping: sum.amount))), ("refunded", .number(Int64(clamping: sum.refunded))),
      ])
    }
    Console.print(JSON.object([("day", .text(day)), ("time_zone", .text(timeZone)), ("totals", .list(totals))]))
  }
}
