import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Commands about consultants.
struct ConsultantCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consultant", abstract: "Registers consultants and their terminals.",
    subcommands: [Add.self, List.self, Token.self, RegisterCertificate.self])

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

    @Option(help: "Number or registered name of the company.")
    var company: String

    @OptionGroup var options: AdminOptions

    func validate() throws { try NameArgument.check(name, "NAME") }

    func run() async throws {
      try await AdminProgram.run(["company": "--company", "name": "NAME"]) {
        var request = AddConsultantRequest()
        request.company = company
        request.name = name
        let reply = try await options.administrator().run { [request] in try await $0.addConsultant(request) }
        TokenOutput(consultant: reply.consultant, token: reply.token, notAfter: reply.tokenNotAfterMs)
          .print(options.output)
      }
    }
  }

  /// Lists consultants.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the consultants of a company, or of all, by number.",
      discussion: """
        EXAMPLE
          countersign-admin consultant list --company "Acme Tours"
        """)

    @Option(help: "Number or registered name of the company.")
    var company: String?

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["company": "--company"]) {
        let administrator = try await options.administrator()
        var request = ListConsultantsRequest()
        request.company = company ?? ""
        while true {
          let found = try await administrator.run { [request] in try await $0.listConsultants(request).consultants }
          guard let last = found.last else { return }
          for consultant in found { Self.print(consultant, as: options.output) }
          request.after = last.number
        }
      }
    }

    private static func print(_ consultant: RegisteredConsultant, as format: OutputFormat) {
      switch format {
      case .text:
        Console.print(
          "consultant \(consultant.number) \(consultant.name)  company \(consultant.company) "
            + "\(consultant.companyName)\(consultant.revoked ? "  REVOKED" : "")")
      case .json:
        Console.print(
          JSON.object([
            ("consultant", .number(Int64(clamping: consultant.number))), ("name", .text(consultant.name)),
            ("company", .number(Int64(clamping: consultant.company))), ("company_name", .text(consultant.companyName)),
            ("is_revoked", .truth(consultant.revoked)),
          ]))
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

    @Argument(help: "Number or registered name of the consultant.")
    var consultant: String

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["consultant": "CONSULTANT"]) {
        let administrator = try await options.administrator()
        var request = CreateTokenRequest()
        request.consultant = try await administrator.consultant(consultant, "CONSULTANT")
        let reply = try await administrator.run { [request] in try await $0.createToken(request) }
        TokenOutput(consultant: request.consultant, token: reply.token, notAfter: reply.tokenNotAfterMs).print(
          options.output)
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
      tell([
        "consultant \(consultant)", "token \(token)",
        "good once, until \(TimeText.instant(Int64(clamping: notAfter)))",
        "next, on the terminal: countersign-terminal enrol HOST:PORT \(token)",
      ])
    case .json:
      tell([
        JSON.object([
          ("consultant", .number(Int64(clamping: consultant))), ("token", .text(token)),
          ("not_after_ms", .number(Int64(clamping: notAfter))),
        ])
      ])
    }
  }

  /// Nobody else knows the token.
  private func tell(_ lines: [String]) {
    Console.report(lines, orElse: "for another token: countersign-admin consultant token \(consultant)")
  }
}
