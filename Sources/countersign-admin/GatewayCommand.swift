import ArgumentParser
import CountersignClient
import Messages
import ProgramSupport

/// Commands about companies' gateways.
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "Registers companies' gateways.", subcommands: [Add.self])

  /// Registers a gateway.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Registers where a company's gateway is and prints a one-time token to set it up with.",
      discussion: """
        Terminals that enrol through the gateway are sent to --host and --port. Adding a company's gateway again gives a
        new token, and terminals that enrol or renew from then on its new place.

        EXAMPLE
          countersign-admin gateway add "Acme Tours" --host gateway.acme.example
        """)

    @Argument(help: "Number or registered name of the company.")
    var company: String

    @Option(help: "Name or address that the company's terminals connect to.")
    var host: String

    @Option(help: "TCP port that the company's terminals connect to.")
    var port: Int = 7_443

    @Option(help: "Host name or address in the gateway's TLS certificate, default --host.")
    var dnsName: String?

    @OptionGroup var options: AdminOptions

    private static let fields: RequestFields = [
      "company": "COMPANY", "host": "--host", "port": "--port", "dns_name": "--dns-name",
    ]

    /// Nobody else knows the token.
    private static func tell(_ lines: [String]) {
      Console.report(lines, orElse: "for another token give the command again")
    }

    func validate() throws {
      guard (1...65_535).contains(port) else { throw ValidationError("--port must be 1 to 65535") }
    }

    func run() async throws {
      try await AdminProgram.run(Self.fields) {
        var request = AddGatewayRequest()
        request.company = company
        request.host = host
        request.port = UInt32(port)
        request.dnsName = dnsName ?? host
        let reply = try await options.administrator().run { [request] in try await $0.addGateway(request) }
        let end = Int64(clamping: reply.tokenNotAfterMs)
        switch options.output {
        case .text:
          Self.tell([
            "gateway of \(reply.companyName) at \(host) port \(port); terminals that enrol or renew from now on connect there",
            "token \(reply.token)", "good once, until \(TimeText.instant(end))",
            "next, on the gateway: countersign-gateway init HOST:PORT \(reply.token) --passphrase-file FILE",
          ])
        case .json:
          Self.tell([
            JSON.object([
              ("company", .number(Int64(clamping: reply.company))), ("company_name", .text(reply.companyName)),
              ("host", .text(host)), ("port", .number(Int64(port))),
              ("token", .text(reply.token)), ("token_not_after_ms", .number(end)),
            ])
          ])
        }
      }
    }
  }
}
