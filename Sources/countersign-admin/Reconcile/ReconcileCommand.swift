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
      what countersign-admin epoch confirm asks for, and payments that are open in the restored ledger and charged
      according to the file are APPROVED with that confirmation.

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
      record.charged = try Self.charged(differences)
      let recorded = try await administrator.run { [record] in try await $0.recordReconciliation(record) }
      print(record, recorded, charged: differences.count { $0.chargedOpen != nil })
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

  /// Payments that are open in the ledger and charged in the file, in parts as the wire has them.
  ///
  /// - Throws: ``ProgramError`` where they are too many.
  private static func charged(_ differences: [Reconciliation.Difference]) throws -> [ChargedPart] {
    let (inPart, parts) = (64, 64)
    let payments = differences.compactMap { difference in
      difference.chargedOpen.map { code in
        var payment = ChargedPayment()
        (payment.payment, payment.approvalCode) = (difference.payment ?? 0, code)
        return payment
      }
    }
    guard payments.count <= inPart * parts else {
      throw ProgramError(
        .input,
        "\(payments.count) payments are open in the ledger and charged in the file; compare a shorter time, in "
          + "which there are at most \(inPart * parts)")
    }
    return stride(from: 0, to: payments.count, by: inPart).map { start in
      var part = ChargedPart()
      part.payments = Array(payments[start...].prefix(inPart))
      return part
    }
  }

  /// The last lines: what was compared, and what it means for a restored ledger.
  ///
  /// - Parameter charged: payments that are open in the ledger and charged in the file.
  private func print(_ compared: RecordReconciliationRequest, _ recorded: RecordReconciliationReply, charged: Int) {
    switch options.output {
    case .text:
      Console.print(
        "\(counted(compared.lines, "line")), \(compared.entries) in the ledger, "
          + counted(compared.differences, "difference"))
      guard recorded.waitingEpoch > 0 else { return }
      if charged > 0 {
        Console.print(
          "\(counted(charged, "payment")) \(charged == 1 ? "is" : "are") open in the restored ledger and charged: APPROVED "
            + "with epoch confirm")
      }
      if recorded.epoch > 0 {
        Console.print("next: countersign-admin epoch confirm, of epoch \(recorded.epoch)")
      } else {
        Console.print(
          "this does not count for epoch confirm: --from must be \(Self.time(recorded.begunMs)) or before, and --to after "
            + "\(Self.time(recorded.lostSinceMs)), so that it has something of what was lost")
      }
    case .json:
      Console.print(
        JSON.object([
          ("kind", .text("SUMMARY")), ("lines", .number(Int64(clamping: compared.lines))),
          ("entries", .number(Int64(clamping: compared.entries))),
          ("differences", .number(Int64(clamping: compared.differences))), ("epoch", .number(Int64(recorded.epoch))),
          ("waiting_epoch", .number(Int64(recorded.waitingEpoch))),
          ("lost_since_ms", .number(Int64(clamping: recorded.lostSinceMs))),
          ("begun_ms", .number(Int64(clamping: recorded.begunMs))), ("charged_open", .number(Int64(charged))),
        ]))
    }
  }

  private static func time(_ milliseconds: UInt64) -> String { TimeText.instant(Int64(clamping: milliseconds)) }

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
