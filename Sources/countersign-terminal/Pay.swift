import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

extension CountersignTerminal {
  /// Charges a card.
  struct Pay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Charges a card that the customer reads out.",
      discussion: """
        The card is asked for without echo, or read as one JSON object from standard input:
          {"card_number":"4111111111111111","expiry_year":2030,"expiry_month":12,"password_digits":"12",
           "security_code":"123","payer_identification":"900101"}
        The last three fields may be left out. Card data is never taken from the command line.

        Ctrl-C, Ctrl-\\, SIGTERM or SIGHUP while the payment is on its way ends the program with 2 and tells its key; before
        that nothing was sent, and it ends by the signal.

        EXAMPLES
          countersign-terminal pay --order A-1001 --amount 12900 --currency KRW
          countersign-terminal pay --order A-1001 --amount 1999 --currency EUR --output json < card.json
        """)

    @Option(help: "The company's own reference of the order, 1 to 64 bytes.")
    var order: String

    @Option(
      parsing: .unconditional, help: "Amount in minor units of the currency, for example 1999 for 19.99 EUR.",
      transform: Money.parse)
    var amount: UInt64

    @Option(help: "ISO 4217 code.")
    var currency: String

    @Option(help: "Months of instalment, 0 for a single payment.")
    var instalments: UInt32 = 0

    @Option(help: "Key of a payment whose outcome is unknown, to go on with it.")
    var key: String?

    @OptionGroup var options: TerminalOptions

    func run() async throws {
      try await Program.run(
        key == nil ? PaymentCheck.fields : PaymentCheck.fields.and(Self.keyField), advice: LoginAdvice.all
      ) {
        let given = try key.map { try PaymentKey.parse($0, "--key") }
        let order = Order(reference: order, amount: amount, currency: currency, instalmentMonths: instalments)
        try PaymentCheck.check(order)
        // Between passphrase and card the certificate may be renewed, which takes a while.
        let terminal: Terminal
        var card: CardData
        (terminal, card) = try await HiddenPrompts.during {
          (try await options.terminal(), try CardInput.read())
        }
        defer { card = CardData() }
        try PaymentCheck.check(card)
        let validity = Duration.milliseconds(order.validForMilliseconds)
        // An earlier attempt under a given key may have been charged.
        let session = try await terminal.keepingUnknown(given.map { [$0] } ?? []) {
          try await terminal.login(waitingAtMost: validity, onWait: PaymentWait.tell)
        }
        let key = given ?? session.makeKey()
        // From here on a signal must not end the program without a word about the card.
        let interruption = await Interruption()
        let result: PaymentResult
        do {
          result = try await interruption.run { [card] in
            try await session.pay(order, card: card, key: key, onWait: PaymentWait.tell)
          }
        } catch {
          // Somebody waits to be told.
          try? await interruption.run { try await session.logout(waitingAtMost: .seconds(1)) }
          throw try told(error, key, interruption)
        }
        Receipt(result, key: key, consultant: session.consultant, company: session.company).print(options.output)
        try? await interruption.run { try await session.logout(waitingAtMost: .seconds(5)) }
        try Receipt.exit(result)
      }
    }

    private static let keyField: RequestFields = ["order.idempotency_key": "--key"]

    /// An error that leaves the outcome open ends the program with 2, and programs read the key from standard output.
    private func told(_ error: any Error, _ key: [UInt8], _ interruption: Interruption) throws -> any Error {
      let text: String
      switch error {
      case is CancellationError: return interruption.ending ?? error
      case TerminalError.outcomeUnknown where interruption.ending != nil:
        text =
          "interrupted; whether the card was charged is not known yet; pay --key \(PaymentKey.text(key)) goes on with the "
          + "payment, and this tells what became of it"
      case TerminalError.outcomeUnknown, TerminalError.sessionOver: text = "\(error)"
      case TerminalError.refused(let status) where status.reason == "IDEMPOTENCY_KEY_REUSED":
        text = "a payment with other contents stands under this key, and these were not charged"
      default: return error
      }
      if options.output == .json {
        Console.report([JSON.object([("outcome", .text("UNKNOWN")), ("key", .text(Hex.encode(key)))])])
      }
      // Some errors name the key already.
      let named = text.replacing(Hex.encode(key), with: PaymentKey.text(key))
      let isNamed = named.contains(PaymentKey.text(key)) && interruption.ending == nil
      let asking = "countersign-terminal status" + (isNamed ? "" : " \(PaymentKey.text(key))")
      return ProgramError(.outcomeUnknown, "\(named); \(asking)")
    }
  }
}
