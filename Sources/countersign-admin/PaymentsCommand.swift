import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Commands about payments.
struct PaymentsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "payments", abstract: "Lists payments.", subcommands: [List.self])

  /// Lists payments.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists payments by number, oldest first.",
      discussion: """
        Without --limit all of them. --after goes on behind a payment that was listed before. Where --limit leaves some
        out, standard error says so, and "is_last" of the last one is false in JSON.

        EXAMPLES
          countersign-admin payments list --company "Acme Tours" --state DECLINED --from 2026-11-01
          countersign-admin payments list --consultant "Kim Minji" --limit 100 --after 4711
          countersign-admin payments list --order A-1001 --output json
        """)

    @Option(help: "Number or registered name of the company.")
    var company: String?

    @Option(help: "Number or registered name of the consultant.")
    var consultant: String?

    @Option(help: "As the list prints it: \(stateNames).")
    var state: String?

    @Option(help: "Order reference.")
    var order: String?

    @OptionGroup var period: PeriodOptions

    @Option(help: "Payments with a higher number only.")
    var after: UInt64 = 0

    @Option(help: "Most payments listed, at least 1.")
    var limit: Int?

    @OptionGroup var options: AdminOptions

    func validate() throws {
      if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
      try await AdminProgram.run(fields) {
        var filter = PaymentFilter()
        (filter.company, filter.consultant) = (company ?? "", consultant ?? "")
        filter.orderReference = order ?? ""
        (filter.fromMs, filter.toMs) = try period.milliseconds()
        if let state { filter.state = try Self.state(named: state) }
        let (output, after, limit) = (options.output, after, limit ?? .max)
        let told = try await options.administrator().run { [filter] client in
          try await Self.tell(ListedPayments(client, filter, after: after), limit: limit, as: output)
        }
        switch (told.last, told.isAll) {
        case (let last?, false):
          Console.complain(
            "note: there are more payments; --after \(last) goes on, a higher --limit tells more at once")
        case (nil, _) where after > 0: Console.complain("note: nothing is after payment \(after)")
        default: break
        }
      }
    }

    /// Prints each payment once it is known whether another one follows.
    ///
    /// - Returns: number of the last one printed, nil where there is none, and whether nothing is behind it.
    private static func tell(
      _ payments: ListedPayments, limit: Int, as output: OutputFormat
    ) async throws -> (last: UInt64?, isAll: Bool) {
      var (former, left) = (ListedPayment?.none, limit)
      for try await payment in payments {
        if let former { PaymentsCommand.print(former, isLast: false, as: output) }
        guard left > 0 else { return (former?.payment?.payment, false) }
        (former, left) = (payment, left - 1)
      }
      if let former { PaymentsCommand.print(former, isLast: true, as: output) }
      return (former?.payment?.payment, true)
    }

    private var fields: RequestFields {
      PeriodOptions.fields(in: "filter").and([
        "filter.company": "--company", "filter.consultant": "--consultant", "filter.state": "--state",
        "filter.order_reference": "--order",
      ])
    }

    private static func state(named name: String) throws -> PaymentState {
      guard let state = PaymentState.all.first(where: { $0.text == name }) else {
        throw ProgramError(.usage, "--state \(name): must be one of \(stateNames)")
      }
      return state
    }

    private static let stateNames = PaymentState.all.map(\.text).joined(separator: ", ")
  }

  /// - Parameter isLast: whether no other payment follows.
  private static func print(_ listed: ListedPayment, isLast: Bool, as format: OutputFormat) {
    let payment = listed.payment ?? PaymentResult()
    switch format {
    case .text:
      Console.print(
        "\(payment.payment)  \(TimeText.instant(Int64(clamping: payment.timeMs)))  \(payment.state.text)  "
          + "\(Money.text(payment.amount, payment.currency))  \(payment.maskedCard)  order \(payment.orderReference)  "
          + "consultant \(listed.consultant) \(listed.consultantName)  company \(listed.company) \(listed.companyName)")
    case .json:
      Console.print(
        JSON.object([
          ("payment", .number(Int64(clamping: payment.payment))), ("time_ms", .number(Int64(clamping: payment.timeMs))),
          ("outcome", .text(payment.outcome.text)), ("state", .text(payment.state.text)),
          ("amount", .number(Int64(clamping: payment.amount))), ("currency", .text(payment.currency)),
          ("masked_card", .text(payment.maskedCard)), ("order_reference", .text(payment.orderReference)),
          ("approval_code", .text(payment.approvalCode)), ("response_code", .text(payment.responseCode)),
          ("consultant", .number(Int64(clamping: listed.consultant))),
          ("consultant_name", .text(listed.consultantName)),
          ("company", .number(Int64(clamping: listed.company))), ("company_name", .text(listed.companyName)),
          ("terminal", .text(listed.terminal)), ("stan", .number(Int64(listed.stan))),
          ("retrieval_reference", .text(listed.retrievalReference)), ("is_last", .truth(isLast)),
        ]))
    }
  }
}

/// All payments of a filter, page by page.
struct ListedPayments: AsyncSequence, AsyncIteratorProtocol {
  private let client: AdminClient
  private var request = ListPaymentsRequest()
  private var page: ArraySlice<ListedPayment> = []
  private var isOver = false

  init(_ client: AdminClient, _ filter: PaymentFilter, after number: UInt64 = 0) {
    self.client = client
    (request.filter, request.after) = (filter, number)
  }

  func makeAsyncIterator() -> ListedPayments { self }

  mutating func next() async throws -> ListedPayment? {
    while page.isEmpty, !isOver {
      let reply = try await client.listPayments(request)
      page = reply.payments[...]
      request.after = reply.next
      isOver = reply.next == 0
    }
    return page.popFirst()
  }
}
