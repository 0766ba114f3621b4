import ArgumentParser
import CountersignClient
import Files
import Messages
import ProgramSupport

/// Compares the ledger with an acquirer's settlement file.
struct Reconcile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares an acquirer's settlement file with the payments of a time and lists the differences.",
    discussion: """
      FILE is CSV with a header line. Columns, in any order: amount (minor units) and currency; to name the sale at least
      one of payment (the ledger's number), retrieval_reference, or terminal and stan; approval_code where there is one.
      Other columns are ignored. --from and --to say when the payments were recorded: all charges of that time are
      expected in the file. Ends with 0 where both agree and with 3 where they do not.

      EXAMPLE
        countersign-admin reconcile settlement.csv --from 2026-11-23 --to 2026-11-24
      """)

  /// Bytes of a file: some million lines.
  private static let largestFile = 256 << 20

  @Argument(help: "The settlement file.")
  var file: String

  @OptionGroup var period: PeriodOptions

  @OptionGroup var options: AdminOptions

  func validate() throws {
    guard period.from != nil, period.to != nil else { throw ValidationError("--from and --to are needed") }
  }

  func run() async throws {
    try await AdminProgram.run(period.fields(in: "filter")) {
      let lines = try SettlementFile.read(try Files.read(file, limit: Self.largestFile), path: file)
      var filter = PaymentFilter()
      (filter.fromMs, filter.toMs) = try period.milliseconds()
      let payments = try await options.administrator().run { [filter] client in
        var payments: [ListedPayment] = []
        for try await payment in ListedPayments(client, filter) { payments.append(payment) }
        return payments
      }
      let differences = Reconciliation(payments).differences(lines)
      for difference in differences { print(difference) }
      let isSame = differences.isEmpty
      if options.output == .text {
        Console.print("\(lines.count) lines, \(payments.count) payments, \(differences.count) differences")
      }
      if !isSame { throw ExitCode(ExitStatus.differences.rawValue) }
    }
  }

  private func print(_ difference: Reconciliation.Difference) {
    switch options.output {
    case .text:
      let line = difference.line.map { "line \($0)  " } ?? ""
      let payment = difference.payment.map { "payment \($0)  " } ?? ""
      Console.print("\(difference.kind.rawValue)  \(line)\(payment)\(difference.text)")
    case .json:
      Console.print(
        JSON.object([
          ("kind", .text(difference.kind.rawValue)), ("line", .number(Int64(difference.line ?? 0))),
          ("payment", .number(Int64(clamping: difference.payment ?? 0))), ("text", .text(difference.text)),
        ]))
    }
  }
}
