import ArgumentParser
import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// Compares the ledger with an acquirer's settlement file.
struct Reconcile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares an acquirer's settlement file with the payments of a time and lists the differences.",
    discussion: """
      FILE is CSV with a header line. Columns, in any order: amount (minor units) and currency; kind (sale, refund or
      void; none: sale); to name the payment at least one of payment (the ledger's number), retrieval_reference, or
      terminal and stan; approval_code where there is one. Other columns are ignored. --from and --to say when payments
      were recorded and refunds done: all of that time are expected in the file. Ends with 0 where both agree and with 3
      where they do not. That it was compared, and what came of it, is a record of the journal; after a restore it is
      what countersign-admin epoch confirm asks for.

      EXAMPLE
        countersign-admin reconcile settlement.csv --from 2026-11-23 --to 2026-11-24
      """)

  /// Bytes of a file: some million lines.
  private static let largestFile = 256 << 20

  @Argument(help: "The settlement file.")
  var file: String

  @Option(help: "First day or instant, UTC: 2026-11-01 or 2026-11-01T09:30:00Z.")
  var from: String

  @Option(help: "First day or instant that is no longer meant, UTC.")
  var to: String

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run(PeriodOptions.fields(in: "filter")) {
      let bytes = try Files.read(file, limit: Self.largestFile)
      let lines = try SettlementFile.read(bytes, path: file)
      let times = try PeriodOptions.milliseconds(from, to)
      let administrator = try await options.administrator()
      let (payments, operations) = try await Self.ledger(administrator, times)
      let reconciliation = Reconciliation(payments, operations, of: times.from..<times.to)
      let differences = reconciliation.differences(lines)
      for difference in differences { print(difference) }
      var record = RecordReconciliationRequest()
      record.file = String(file.split(separator: "/").last?.suffix(64) ?? "")
      record.digest = SHA256.digest(bytes).bytes
      (record.fromMs, record.toMs, record.lines) = (times.from, times.to, UInt64(lines.count))
      (record.entries, record.differences) = (UInt64(reconciliation.count), UInt64(differences.count))
      let recorded = try await administrator.run { [record] in try await $0.recordReconciliation(record) }
      print(record, epoch: recorded.epoch)
      if !differences.isEmpty { throw ExitCode(ExitStatus.differences.rawValue) }
    }
  }

  /// What the ledger has of a time.
  private static func ledger(
    _ administrator: Administrator, _ times: (from: UInt64, to: UInt64)
  ) async throws -> ([ListedPayment], [PaymentOperation]) {
    try await administrator.run { client in
      var filter = PaymentFilter()
      (filter.fromMs, filter.toMs) = times
      var payments: [ListedPayment] = []
      for try await payment in ListedPayments(client, filter) { payments.append(payment) }
      var request = ListOperationsRequest()
      (request.fromMs, request.toMs) = times
      var operations: [PaymentOperation] = []
      while true {
        let page = try await client.listOperations(request).operations
        guard let last = page.last else { return (payments, operations) }
        operations += page
        request.after = last.number
      }
    }
  }

  /// The last line: what was compared.
  ///
  /// - Parameter epoch: the one that waits to be confirmed; 0: none does.
  private func print(_ compared: RecordReconciliationRequest, epoch: some BinaryInteger) {
    switch options.output {
    case .text:
      Console.print(
        "\(counted(compared.lines, "line")), \(compared.entries) in the ledger, "
          + counted(compared.differences, "difference"))
      if epoch > 0 { Console.print("next: countersign-admin epoch confirm, of epoch \(epoch)") }
    case .json:
      Console.print(
        JSON.object([
          ("kind", .text("SUMMARY")), ("lines", .number(Int64(clamping: compared.lines))),
          ("entries", .number(Int64(clamping: compared.entries))),
          ("differences", .number(Int64(clamping: compared.differences))), ("epoch", .number(Int64(clamping: epoch))),
        ]))
    }
  }

  private func print(_ difference: Reconciliation.Difference) {
    switch options.output {
    case .text:
      let line = difference.line.map { "line \($0)  " } ?? ""
      let payment = difference.payment.map { "payment \($0)  " } ?? ""
      let operation = difference.operation.map { "\(difference.of.rawValue) \($0)  " } ?? ""
      Console.print("\(difference.kind.rawValue)  \(line)\(payment)\(operation)\(difference.text)")
    case .json:
      Console.print(
        JSON.object([
          ("kind", .text(difference.kind.rawValue)), ("of", .text(difference.of.rawValue)),
          ("line", .number(Int64(difference.line ?? 0))),
          ("payment", .number(Int64(clamping: difference.payment ?? 0))),
          ("operation", .number(Int64(clamping: difference.operation ?? 0))), ("text", .text(difference.text)),
        ]))
    }
  }
}
