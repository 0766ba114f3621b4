import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// Answers "who did this?".
struct Trace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells who processed a payment, from where, and every step of it.",
    discussion: """
      --card asks for the card number without echo, or reads it from standard input; it goes to the service inside the
      administrator's TLS connection, and the journal keeps only its first six and last four digits. --from and --to are
      days or instants in UTC; --to is the first that is no longer meant. Payments come by number, oldest first; where
      --limit leaves some out, standard error says how many, "is_last" of the last one is false in JSON, and --after
      goes on behind it.

      EXAMPLES
        countersign-admin trace 4711
        countersign-admin trace 0199a1b2-c3d4-7000-8000-1122334455ff
        countersign-admin trace --order A-1001
        countersign-admin trace --card
        countersign-admin trace --card --limit 1000 --after 4711
        countersign-admin trace --consultant "Kim Minji" --from 2026-11-01 --to 2026-11-08T12:00:00Z
      """)

  @Argument(help: "Number of the payment, or its key (32 hexadecimal digits).")
  var payment: String?

  @Option(help: "Order reference: all payments of the order, of whatever company.")
  var order: String?

  @Flag(help: "All payments with one card.")
  var card = false

  @Option(help: "Number or registered name of a consultant: all payments of that consultant.")
  var consultant: String?

  @OptionGroup var period: PeriodOptions

  @Option(help: "Payments with a higher number only; not with PAYMENT.")
  var after: UInt64?

  @Option(help: "Most payments told, at least 1, default 100; not with PAYMENT.")
  var limit: Int?

  @OptionGroup var options: AdminOptions

  func validate() throws {
    guard limit ?? 1 > 0 else { throw ValidationError("--limit must be at least 1") }
    let given = [payment != nil, order != nil, card, consultant != nil].filter { $0 }.count
    guard given == 1 else { throw ValidationError("name one of PAYMENT, --order, --card, --consultant") }
    guard consultant != nil || period.isEmpty else { throw ValidationError("--from and --to go with --consultant") }
    guard payment == nil || after == nil && limit == nil else {
      throw ValidationError("--after and --limit go with --order, --card or --consultant")
    }
  }

  func run() async throws {
    try await AdminProgram.run(fields) {
      var request = TracePaymentRequest()
      request.which = try which()
      (request.after, request.most) = (after ?? 0, UInt64(limit ?? 100))
      let output = options.output
      let last = try await options.administrator().run { [request] in
        try await Self.tell(request, by: $0, as: output)
      }
      if last.traces.isEmpty { Console.complain("note: nothing is after payment \(after ?? 0)") }
      guard last.more > 0 else { return }
      Console.complain(
        "note: \(counted(last.more, "more payment")); --after \(last.next) goes on, a higher --limit tells more at once"
      )
    }
  }

  /// Asks page by page on one connection.
  ///
  /// - Returns: the last reply.
  private static func tell(
    _ first: TracePaymentRequest, by client: AdminClient, as output: OutputFormat
  ) async throws -> TracePaymentReply {
    var request = first
    while true {
      let reply = try await client.tracePayment(request)
      for (index, trace) in reply.traces.enumerated() {
        TraceOutput.print(trace, isLast: reply.next == 0 && index == reply.traces.count - 1, as: output)
      }
      request.most -= min(request.most, UInt64(reply.traces.count))
      guard reply.next > 0, request.most > 0 else { return reply }
      request.after = reply.next
    }
  }

  private var fields: RequestFields {
    PeriodOptions.fields(in: "consultant").and([
      "consultant": "--consultant", "order_reference": "--order", "card_number": .input("card number"),
      "payment": "PAYMENT", "idempotency_key": "PAYMENT",
    ])
  }

  private func which() throws -> TracePaymentRequest.Which {
    if let order { return .orderReference(order) }
    if card { return .cardNumber(try Self.askForCard()) }
    if let consultant {
      var period = ConsultantPeriod()
      period.who = UInt64(digits: consultant).map { .consultant($0) } ?? .name(consultant)
      (period.fromMs, period.toMs) = try self.period.milliseconds()
      return .consultant(period)
    }
    return switch try NamedPayment(payment ?? "") {
    case .number(let number): .payment(number)
    case .key(let key): .idempotencyKey(key)
    }
  }

  private static func askForCard() throws -> [UInt8] {
    var line =
      Console.isInteractive ? try HiddenPrompts.ask("Card number") : try Console.readInput(limit: 128)
    defer { Console.erase(&line) }
    return line.filter { ![UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains($0) }
  }
}

/// A time that payments were recorded in.
struct PeriodOptions: ParsableArguments {
  @Option(help: "First day or instant, UTC: 2026-11-01 or 2026-11-01T09:30:00Z.")
  var from: String?

  @Option(help: "First day or instant that is no longer meant, UTC.")
  var to: String?

  var isEmpty: Bool { from == nil && to == nil }

  /// - Parameter message: path of the message on the wire that has the times.
  static func fields(in message: String) -> RequestFields {
    var fields = RequestFields()
    fields["\(message).from_ms"] = "--from"
    fields["\(message).to_ms"] = "--to"
    return fields
  }

  /// Milliseconds since 1970-01-01T00:00:00Z; 0 where not given.
  func milliseconds() throws -> (from: UInt64, to: UInt64) { try Self.milliseconds(from, to) }

  /// The same of other options of this name.
  static func milliseconds(_ from: String?, _ to: String?) throws -> (from: UInt64, to: UInt64) {
    (try parse(from, "--from"), try parse(to, "--to"))
  }

  private static func parse(_ text: String?, _ flag: String) throws -> UInt64 {
    guard let text else { return 0 }
    guard let time = TimeText.parse(text) else {
      throw ProgramError(
        .usage, "\(flag) \(text): must be a day or an instant in UTC, for example 2026-11-01 or 2026-11-01T09:30:00Z")
    }
    return UInt64(time)
  }
}
