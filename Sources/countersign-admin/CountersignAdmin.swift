import ArgumentParser
import CountersignClient
import Files
import ProgramSupport

/// What operators do: companies, consultants, "who did this?", and the kill switch.
@main
struct CountersignAdmin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign-admin",
    abstract: "Registers companies and consultants, traces payments, and revokes.",
    discussion: """
      EXAMPLES
        countersign-admin administrator add "Lee Jun" --role operator --folder /home/lee/countersign-admin
        countersign-admin company add "Acme Tours" --certificate acme.pem --key acme.key
        countersign-admin consultant add "Kim Minji" --company "Acme Tours"
        countersign-admin trace 4711
        countersign-admin unresolved
        countersign-admin payments list --company "Acme Tours" --state DECLINED --from 2026-11-01
        countersign-admin report --day 2026-11-23 --time-zone Asia/Seoul
        countersign-admin refund 4711 --amount 5000
        countersign-admin confirm 4720
        countersign-admin reconcile settlement.csv --from 2026-11-23 --to 2026-11-24
        countersign-admin receipt 4711 --output 4711.receipt
        countersign-admin verify-receipt 4711.receipt --key audit.pem
        countersign-admin revoke consultant 17 --reason privilege-withdrawn
        countersign-admin certificates --expiring 30d

      EXIT CODES
        0 done   1 refused   3 differences found   64 wrong usage   65 wrong input   69 service unreachable   70 fault of the program
        74 file error   77 certificate or key not trusted   78 wrong setting or folder
      """,
    version: "countersign-admin 1.0.0",
    subcommands: [
      AdministratorCommand.self, CompanyCommand.self, GatewayCommand.self, ConsultantCommand.self, Trace.self,
      Unresolved.self, PaymentsCommand.self, Report.self, Reconcile.self, Refund.self, VoidCommand.self, Confirm.self,
      Operations.self, Revoke.self, Unlock.self, Certificates.self, ReceiptCommand.self, VerifyReceipt.self,
      AuditCommand.self, KeysCommand.self, EpochCommand.self,
    ])

  static func main() async {
    CrashReports.switchOff()
    await main(NegativeNumbers.arguments)
  }
}

/// Options of commands that print what they found.
struct AdminOptions: ParsableArguments {
  @OptionGroup var connection: AdminConnection

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func administrator() async throws -> Administrator { try await connection.administrator() }
}
