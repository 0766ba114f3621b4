import ArgumentParser
import CountersignClient
import Cryptography
import Messages
import ProgramSupport

/// Asks for a refund.
struct Refund: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Asks for a refund of an approved payment; another administrator must confirm it within 30 minutes.",
    discussion: """
      EXAMPLE
        countersign-admin refund 4711 --amount 5000
      """)

  @Argument(help: "Number of the payment.", transform: NumberArgument.parse)
  var payment: UInt64

  @Option(
    parsing: .unconditional, help: "Minor units of the payment's currency, at most what is left of the payment.",
    transform: Money.parse)
  var amount: UInt64

  @Option(help: "Key of a former try whose answer was lost, as it was printed.")
  var key: String?

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run(OperationOutput.fields) {
      try await OperationOutput.request(.refund, payment, amount, key: key, options)
    }
  }
}

/// Asks for a void.
struct VoidCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "void",
    abstract: "Asks for a void of an approved payment before the cut-off; another administrator must confirm it.",
    discussion: """
      EXAMPLE
        countersign-admin void 4711
      """)

  @Argument(help: "Number of the payment.", transform: NumberArgument.parse)
  var payment: UInt64

  @Option(help: "Key of a former try whose answer was lost, as it was printed.")
  var key: String?

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run(OperationOutput.fields) {
      try await OperationOutput.request(.void, payment, 0, key: key, options)
    }
  }
}

/// Agrees to a refund or void.
struct Confirm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Agrees to a refund or void that another administrator asked for, and waits for the acquirer's answer.",
    discussion: """
      Ends with 0 where the acquirer did it, 1 where it refused, and 2 where there is no answer yet, also because the
      connection was lost: countersign-admin operations list tells what became of it.

      EXAMPLE
        countersign-admin confirm 4720
      """)

  @Argument(help: "Number of the operation.", transform: NumberArgument.parse)
  var operation: UInt64

  @OptionGroup var options: AdminOptions

  /// Looks at the operation before the answer counts as missing.
  private static let looks = 50
  private static let lost = "no answer yet, so it may be confirmed: countersign-admin operations list tells"

  func run() async throws {
    try await AdminProgram.run(
      ["operation": "OPERATION"],
      advice: ["OPERATION_OTHER_KIND": "countersign-admin keys confirm \(operation) confirms it"]
    ) {
      let number = operation
      let administrator = try await options.administrator()
      let found = try await OperationOutput.telling(Self.lost) {
        try await administrator.run { try await Self.confirm(number, by: $0) }
      }
      OperationOutput.print(found, as: options.output)
      if found.state == .refused { throw ExitCode(ExitStatus.refused.rawValue) }
      if found.state != .done { throw ExitCode(ExitStatus.outcomeUnknown.rawValue) }
    }
  }
}

extension Confirm {
  /// - Returns: the operation, without an answer where there was none in time or the connection was lost meanwhile.
  private static func confirm(_ number: UInt64, by client: AdminClient) async throws -> PaymentOperation {
    var request = ConfirmOperationRequest()
    request.operation = number
    var found = try await client.confirmOperation(request).operation ?? PaymentOperation()
    do {
      for _ in 0..<looks where found.state == .confirmed || found.state == .sending {
        try await Task.sleep(for: .milliseconds(200))
        found = try await client.confirmOperation(request).operation ?? found
      }
    } catch {
      Console.complain("note: \(error); countersign-admin operations list tells what became of it")
    }
    return found
  }
}

/// Commands about refunds and voids.
struct Operations: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operations", abstract: "Lists refunds and voids, and settles those without an answer.",
    subcommands: [List.self, Settle.self])

  /// Lists refunds and voids.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists refunds and voids by number.",
      discussion: """
        EXAMPLES
          countersign-admin operations list
          countersign-admin operations list --payment 4711
        """)

    @Option(help: "Of this payment alone.", transform: NumberArgument.parse)
    var payment: UInt64?

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        let administrator = try await options.administrator()
        var request = ListOperationsRequest()
        request.payment = payment ?? 0
        while true {
          let found = try await administrator.run { [request] in try await $0.listOperations(request).operations }
          guard let last = found.last else { return }
          for operation in found { OperationOutput.print(operation, as: options.output) }
          request.after = last.number
        }
      }
    }
  }

  /// Settles a refund or void by hand.
  struct Settle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Records what the acquirer says about a refund or void that is UNKNOWN.",
      discussion: """
        EXAMPLE
          countersign-admin operations settle 4720 --done
        """)

    @Argument(help: "Number of the operation.", transform: NumberArgument.parse)
    var operation: UInt64

    @Flag(help: "The acquirer did it.")
    var done = false

    @Flag(help: "The acquirer did not do it.")
    var refused = false

    @OptionGroup var options: AdminOptions

    func validate() throws {
      guard done != refused else { throw ValidationError("give --done or --refused") }
    }

    func run() async throws {
      try await AdminProgram.run(["operation": "OPERATION"]) {
        var request = SettleOperationRequest()
        (request.operation, request.isDone) = (operation, done)
        let reply = try await options.administrator().run { [request] in try await $0.settleOperation(request) }
        OperationOutput.print(reply.operation ?? PaymentOperation(), as: options.output)
      }
    }
  }
}

/// Refunds and voids as people or programs read them.
private enum OperationOutput {
  static let fields: RequestFields = ["payment": "PAYMENT", "amount": "--amount", "idempotency_key": "--key"]

  static func request(
    _ kind: OperationKind, _ payment: UInt64, _ amount: UInt64, key: String?, _ options: AdminOptions
  ) async throws {
    var request = RequestOperationRequest()
    request.idempotencyKey = try key.map { try PaymentKey.parse($0, "--key") } ?? randomBytes(16)
    (request.kind, request.payment, request.amount) = (kind, payment, amount)
    let again = "give the command again with --key \(PaymentKey.text(request.idempotencyKey))"
    let administrator = try await options.administrator()
    let reply = try await telling("the answer was lost, so it may have been asked for: \(again)") { [request] in
      try await administrator.run { try await $0.requestOperation(request) }
    }
    print(reply.operation ?? PaymentOperation(), as: options.output)
  }

  /// Runs a call that may have been carried out though its answer is lost.
  ///
  /// - Parameter advice: what people do then.
  /// - Throws: ``ProgramError`` with exit code 2 then, else what `body` throws.
  static func telling<R>(_ advice: String, _ body: () async throws -> R) async throws -> R {
    do {
      return try await body()
    } catch let error as TerminalError where !error.isWithoutEffect {
      throw ProgramError(.outcomeUnknown, "\(error); \(advice)")
    }
  }

  static func print(_ operation: PaymentOperation, as format: OutputFormat) {
    switch format {
    case .text:
      var line = "operation \(operation.number)  \(operation.kind.text) of payment \(operation.payment)  "
      line += "\(Money.text(operation.amount, operation.currency))  \(operation.state.text)"
      line += operation.responseCode.isEmpty ? "" : ", response \(operation.responseCode)"
      Console.print(line)
      let asked = TimeText.instant(Int64(clamping: operation.timeMs))
      Console.print("  asked for by \(operation.requestedBy) \(asked)")
      if operation.state == .requested {
        let until = TimeText.instant(Int64(clamping: operation.confirmUntilMs))
        Console.print("  another administrator must confirm it before \(until): confirm \(operation.number)")
      } else if !operation.confirmedBy.isEmpty {
        Console.print("  confirmed by \(operation.confirmedBy)")
      }
    case .json:
      Console.print(
        JSON.object([
          ("operation", .number(Int64(clamping: operation.number))), ("kind", .text(operation.kind.text)),
          ("payment", .number(Int64(clamping: operation.payment))),
          ("amount", .number(Int64(clamping: operation.amount))),
          ("currency", .text(operation.currency)), ("state", .text(operation.state.text)),
          ("requested_by", .text(operation.requestedBy)), ("confirmed_by", .text(operation.confirmedBy)),
          ("time_ms", .number(Int64(clamping: operation.timeMs))),
          ("confirm_until_ms", .number(Int64(clamping: operation.confirmUntilMs))),
          ("since_ms", .number(Int64(clamping: operation.sinceMs))), ("attempts", .number(Int64(operation.attempts))),
          ("response_code", .text(operation.responseCode)),
        ]))
    }
  }
}
