import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Commands about consultants.
struct ConsultantCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consultant", abstract: "Registers consultants and their terminals.",
    subcommands: [Add.self, Token.self, RegisterCertificate.self])

  /// Registers a consultant.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Registers a consultant of a company and prints a one-time token for the terminal.",
      discussion: """
        EXAMPLE
          countersign-admin consultant add "Kim Minji" --company "Acme Tours"
        """)

    @Argument(help: "Name, 1 to 64 bytes of UTF-8, not registered yet in this company.")
    var name: String

    @Option(help: "Registered name of the company.")
    var company: String

    @OptionGroup var options: AdminOptions

    func validate() throws { try NameArgument.check(name, "NAME") }

    func run() async throws {
      try await Program.run {
        var request = AddConsultantRequest()
        request.company = company
        request.name = name
        let reply = try await options.administrator().run { [request] in try await $0.addConsultant(request) }
        TokenOutput(consultant: reply.consultant, token: reply.token, notAfter: reply.tokenNotAfterMs)
          .print(options.output)
      }
    }
  }

  /// Makes a token for another terminal.
  struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints a new one-time token for a registered consultant, for a new terminal.",
      discussion: """
        EXAMPLE
          countersign-admin consultant token 17
        """)

    @Argument(help: "Number of the consultant.")
    var consultant: UInt64

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await Program.run {
        var request = CreateTokenRequest()
        request.consultant = consultant
        let reply = try await options.administrator().run { [request] in try await $0.createToken(request) }
        TokenOutput(consultant: consultant, token: reply.token, notAfter: reply.tokenNotAfterMs).print(options.output)
      }
    }
  }
}

/// A token as people or programs read it.
private struct TokenOutput {
  let consultant: UInt64
  let token: String
  let notAfter: UInt64

  func print(_ format: OutputFormat) {
    switch format {
    case .text:
      Console.print("consultant \(consultant)")
      Console.print("token \(token)")
      Console.print("good once, until \(TimeText.instant(Int64(clamping: notAfter)))")
      Console.print("next, on the terminal: countersign-terminal enrol HOST:PORT \(token)")
    case .json:
      Console.print(
        JSON.object([
          ("consultant", .number(Int64(clamping: consultant))), ("token", .text(token)),
          ("not_after_ms", .number(Int64(clamping: notAfter))),
        ]))
    }
  }
}
