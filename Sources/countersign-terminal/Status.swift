import ArgumentParser
import Bytes
import CountersignClient
import Messages
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
      try await Program.run(advice: LoginAdvice.all) {
        let key = try key.map { try PaymentKey.parse($0, "KEY") }
        let terminal = try await options.terminal()
        let (keys, damaged) = try key.map { ([$0], []) } ?? Self.open(terminal.folder)
        let session = try await terminal.keepingUnknown(keys) { try await terminal.login() }
        if keys.isEmpty, damaged.isEmpty, options.output == .text {
          Console.print("no payment of this terminal is open")
        }
        for error in damaged { Console.complain("error: \(error)") }
        var ends = damaged.map { _ in ExitStatus.outcomeUnknown.rawValue }
        for key in keys {
          let isOwn = terminal.folder.hasMade(key: key)
          let settled: PaymentResult?
          do {
            settled = try await session.settle(key: key)
          } catch TerminalError.outcomeUnknown(_, let text) {
            Console.complain("error: key \(PaymentKey.text(key)): \(text)")
            if options.output == .json { tell(key, .mayArrive) }
            ends.append(ExitStatus.outcomeUnknown.rawValue)
            continue
          }
          guard let result = settled else {
            let unknown: Unknown = terminal.folder.remembers(key: key) ? .mayArrive : isOwn ? .notCharged : .notKnown
            tell(key, unknown)
            ends.append((unknown == .notCharged ? ExitStatus.refused : .outcomeUnknown).rawValue)
            continue
          }
          Receipt(result, key: key, consultant: session.consultant, company: session.company).print(options.output)
          ends.append(Receipt.exit(of: result).rawValue)
        }
        try await session.logout()
        // The least certain one decides: 2 before 1 before 0.
        if let end = ends.max(), end > 0 { throw ExitCode(end) }
      }
    }

    private static func open(_ folder: TerminalFolder) throws -> (keys: [[UInt8]], damaged: [TerminalError]) {
      let open = try folder.openPayments()
      return (open.orders.map(\.idempotencyKey), open.damaged)
    }

    /// What it means that the service knows no payment under a key.
    private enum Unknown {
      /// It was sent a short while ago.
      case mayArrive
      /// This terminal made the key, and what it sent can arrive no more.
      case notCharged
      /// Mistyped, or another consultant's.
      case notKnown

      var text: String {
        switch self {
        case .mayArrive: "the service does not know it yet; it may still arrive, ask again in ten minutes"
        case .notCharged: "the service knows no such payment; nothing was charged"
        case .notKnown:
          "no payment of this consultant stands under it, and this terminal did not make it; compare it with what was "
            + "printed, and ask with the terminal of the consultant who paid"
        }
      }
    }

    private func tell(_ key: [UInt8], _ unknown: Unknown) {
      switch options.output {
      case .json:
        let outcome = unknown == .notCharged ? "NOT_CHARGED" : "UNKNOWN"
        Console.print(JSON.object([("outcome", .text(outcome)), ("key", .text(Hex.encode(key)))]))
      case .text: Console.print("key \(PaymentKey.text(key)): \(unknown.text)")
      }
    }
  }
}
