import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Commands about companies.
struct CompanyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "company", abstract: "Registers companies and sets what they allow their consultants.",
    subcommands: [Add.self, RegisterCertificate.self, Policy.self, Show.self, List.self])

  /// Registers a company.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a company's key and registers the company with a certificate for it.",
      discussion: """
        The key never leaves the file that --key names. Certificate and key go to the company's terminals, by hand and
        on the company's own network, where there is no gateway; a gateway makes a key of its own. The key is in
        KEY.asking until both files are in place; what was cut off may be repeated: the same command finishes it.

        EXAMPLE
          countersign-admin company add "Acme Tours" --certificate acme.pem --key acme.key
        """)

    @Argument(help: "Name, 1 to 64 bytes of UTF-8, not registered yet.")
    var name: String

    @Option(help: "File to write the certificate's chain to, PEM. Must not exist.")
    var certificate: String

    @Option(help: "File to write the new key to, PEM, mode 0600. Must not exist.")
    var key: String

    @OptionGroup var options: AdminOptions

    func validate() throws {
      try NameArgument.check(name, "NAME")
      if let fault = RequestedCertificate.fault(certificate: certificate, key: key) { throw ValidationError(fault) }
    }

    func run() async throws {
      try await AdminProgram.run(["name": "NAME"]) {
        let administrator = try await options.administrator()
        var request = AddCompanyRequest()
        request.name = name
        let asked = try RequestedCertificate(for: name, "company", certificate: certificate, key: key)
        request.certificateRequest = asked.request
        let reply = try await asked.ask(
          whereTaken: "it has another key, or is revoked: see countersign-admin company list"
        ) { [request] in
          try await administrator.run { try await $0.addCompany(request) }
        }
        try asked.finish(chain: reply.chain)
        switch options.output {
        case .text:
          Console.print("company \(reply.company) \(name): certificate \(certificate), key \(key)")
        case .json:
          Console.print(
            JSON.object([
              ("company", .number(Int64(clamping: reply.company))), ("name", .text(name)),
              ("certificate", .text(certificate)), ("key", .text(key)),
            ]))
        }
      }
    }
  }
}
