import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Shows what is open.
struct Unresolved: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the payments that are not over, and why.",
    discussion: """
      Most come to an end by themselves. Those with state REVERSAL_REFUSED wait for people: settle them with the
      acquirer.

      EXAMPLE
        countersign-admin unresolved
      """)

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run {
      let administrator = try await options.administrator()
      var request = ListUnresolvedRequest()
      while true {
        let payments = try await administrator.run { [request] in try await $0.listUnresolved(request).payments }
        guard let last = payments.last?.payment?.payment else { break }
        for payment in payments { Self.print(payment, as: options.output) }
        request.after = last
      }
      let epoch = try await administrator.run { try await $0.getEpoch(GetEpochRequest()) }
      if !epoch.isConfirmed {
        Console.complain(
          "note: the ledger was restored; nothing goes on until an administrator has confirmed it: "
            + AdminProgram.confirmation)
      }
    }
  }

  private static func print(_ open: UnresolvedPayment, as format: OutputFormat) {
    let payment = open.payment ?? PaymentResult()
    let nextTry = Int64(clamping: open.nextTryMs)
    switch format {
    case .text:
      Console.print(
        "payment \(payment.payment)  \(payment.state.text)  \(Money.text(payment.amount, payment.currency))  "
          + "order \(payment.orderReference)  consultant \(open.consultant) \(open.consultantName)  "
          + "company \(open.company) \(open.companyName)")
      Console.print("  recorded \(time(payment.timeMs)), told \(payment.outcome.text)")
      Console.print("  \(why(payment.state)) since \(time(open.sinceMs)), \(counted(open.reversals, "reversal")) sent")
      Console.print("  next step \(nextTry == 0 ? "none by itself" : TimeText.instant(nextTry))")
    case .json:
      Console.print(
        JSON.object([
          ("payment", .number(Int64(clamping: payment.payment))), ("state", .text(payment.state.text)),
          ("outcome", .text(payment.outcome.text)), ("amount", .number(Int64(clamping: payment.amount))),
          ("currency", .text(payment.currency)), ("order_reference", .text(payment.orderReference)),
          ("consultant", .number(Int64(clamping: open.consultant))), ("consultant_name", .text(open.consultantName)),
          ("company", .number(Int64(clamping: open.company))), ("company_name", .text(open.companyName)),
          ("time_ms", .number(Int64(clamping: payment.timeMs))), ("since_ms", .number(Int64(clamping: open.sinceMs))),
          ("next_try_ms", .number(nextTry)), ("reversals", .number(Int64(open.reversals))),
        ]))
    }
  }

  private static func time(_ milliseconds: UInt64) -> String { TimeText.instant(Int64(clamping: milliseconds)) }

  private static func why(_ state: PaymentState) -> String {
    switch state {
    case .intent: "handed to the acquirer, which has not answered,"
    case .unknown: "without an answer in time"
    case .inquiring: "the acquirer is asked what became of it,"
    case .reversing: "a reversal is sent until the acquirer confirms it,"
    case .reversalRefused: "the acquirer refused the reversal: settle it by hand;"
    default: state.text
    }
  }
}
