import ArgumentParser
import Gateway
import ProgramSupport

/// The company terminal: terminals of one company connect to it, and it countersigns their logins.
@main
struct CountersignGateway: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign-gateway",
    abstract: "Serves a company's terminals and countersigns their logins.",
    discussion: """
      EXAMPLES
        countersign-gateway init pay.example:7443 TOKEN --data /var/lib/countersign-gateway --passphrase-file FILE
        countersign-gateway run --data /var/lib/countersign-gateway --listen 0.0.0.0 --passphrase-file FILE
        countersign-gateway update --data /var/lib/countersign-gateway --check

      Settings come from flags, then environment variables (COUNTERSIGN_PORT for --port), then the file given with
      --settings, then the default.

      EXIT CODES
        0 done   1 refused   64 wrong usage   65 wrong input   69 service unreachable   70 fault of the program
        74 file error   77 certificate or key not trusted   78 wrong setting or folder
      """,
    version: Gateway.Configuration.program,
    subcommands: [Init.self, Run.self, CertificateCommand.self, Update.self])

  static func main() async {
    CrashReports.switchOff()
    await main(NegativeNumbers.arguments)
  }
}

/// Options of every command.
struct GatewayOptions: ParsableArguments {
  @Option(help: "The gateway's folder. [COUNTERSIGN_GATEWAY]")
  var data: String?

  @Option(
    help: """
      File with the passphrase of the company's key, mode 0600; default the systemd credential \
      countersign-gateway-passphrase. [COUNTERSIGN_PASSPHRASE_FILE]
      """)
  var passphraseFile: String?

  @Option(help: "File with settings, one NAME=value a line.")
  var settings: String?
}
