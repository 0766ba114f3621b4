import ArgumentParser
import CountersignClient
import ProgramSupport

extension CountersignTerminal {
  /// Tries a login.
  struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "login",
      abstract: "Logs in, gets a second identity, and logs out again: tells whether payments can be made.",
      discussion: """
        Where the service has no room, or the gateway does not reach it, it is tried again for 60 seconds.

        EXAMPLE
          countersign-terminal login --check
        """)

    /// As long as a payment waits.
    private static let longestWait = Duration.seconds(60)

    @Flag(help: "Only try; the default, since each payment logs in by itself.")
    var check = false

    @OptionGroup var options: TerminalOptions

    func run() async throws {
      try await Program.run(advice: LoginAdvice.all) {
        let terminal = try await options.terminal()
        let session = try await terminal.login(waitingAtMost: Self.longestWait, onWait: PaymentWait.tell)
        try await session.logout()
        switch options.output {
        case .text:
          Console.print("login works: \(session.consultant) of \(session.company) at \(terminal.profile.serviceName)")
        case .json:
          Console.print(
            JSON.object([
              ("consultant_name", .text(session.consultant)), ("company_name", .text(session.company)),
              ("service", .text(terminal.profile.serviceName)),
            ]))
        }
      }
    }
  }
}
