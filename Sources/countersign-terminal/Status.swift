import ArgumentParser
import CountersignClient
import ProgramSupport

extension CountersignTerminal {
  /// Asks what became of a payment.
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tells what became of a payment, or of all whose outcome this terminal does not know.",
      discussion: """
        EXAMPLES
          countersign-terminal status
          countersign-terminal status 0199a1b2c3d4700080001122334455ff
        """)

    @Argument(help: "Key that the payment printed; none asks about all that are open.")
    var key: String?

    @OptionGroup var options: TerminalOptions

    func run() async throws {
      try await Program.run {
        let key = try key.map { try PaymentKey.parse($0) }
        let terminal = try await options.terminal()
        let session = try await terminal.login()
        let keys = try key.map { [$0] } ?? terminal.folder.pending().map(\.idempotencyKey)
        if keys.isEmpty { Console.print("no payment of this terminal is open") }
        var isOpen = false
        for key in keys {
          guard let result = try await session.settle(key: key) else {
            let isOver = !(try terminal.folder.pending().contains { $0.idempotencyKey == key })
            Console.print(
              "key \(PaymentKey.text(key)): "
                + (isOver
                  ? "the service knows no such payment; nothing was charged"
                  : "the service does not know it yet; it may still arrive, ask again in ten minutes"))
            isOpen = isOpen || !isOver
            continue
          }
          Receipt(result, consultant: session.consultant, company: session.company).print(options.output)
          isOpen = isOpen || result.outcome == .pending
        }
        try await session.logout()
        if isOpen { throw ExitCode(ExitStatus.outcomeUnknown.rawValue) }
      }
    }
  }
}
