import ArgumentParser
import ProgramSupport

/// The consultant's plug-in on the command line.
@main
struct CountersignTerminal: AsyncParsableCommand {
  /// Program and version as the service journals them.
  static let program = "countersign-terminal 1.0.0"

  static let configuration = CommandConfiguration(
    commandName: "countersign-terminal",
    abstract: "Enrols a consultant's terminal, logs in and makes sealed card payments.",
    discussion: """
      EXAMPLES
        countersign-terminal enrol pay.example:7443 TOKEN --company company.pem --company-key company.key
        countersign-terminal login --check
        countersign-terminal pay --order A-1001 --amount 12900 --currency KRW
        countersign-terminal status KEY
        countersign-terminal update --check

      EXIT CODES
        0 done, payment approved     1 refused or declined, nothing charged     2 outcome not known yet, ask again
        64 wrong usage   65 wrong input   69 service unreachable   70 fault of the program   74 file error
        77 certificate, profile or key not trusted   78 wrong setting or folder
        129, 130, 131, 143 ended by SIGHUP, Ctrl-C, Ctrl-\\ or SIGTERM, of pay: before anything was sent
      """,
    version: program,
    subcommands: [Enrol.self, CertificateCommand.self, LoginCommand.self, Pay.self, Status.self, Update.self])

  static func main() async {
    CrashReports.switchOff()
    await main(NegativeNumbers.arguments)
  }
}

/// Options of every command.
struct TerminalOptions: ParsableArguments {
  @Option(help: "The terminal's folder, default ~/.countersign. [COUNTERSIGN_TERMINAL]")
  var data: String?

  @Option(help: "File with settings, one NAME=value a line.")
  var settings: String?

  @Option(help: "File with the consultant's passphrase, mode 0600; else it is asked for. [COUNTERSIGN_PASSPHRASE_FILE]")
  var passphraseFile: String?

  @Option(help: "text or json.")
  var output: OutputFormat = .text
}
