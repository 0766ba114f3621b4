import ArgumentParser
import ProgramSupport

/// The network service: login, identity, payments, enrolment and administration.
@main
struct CountersignServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign-server",
    abstract: "Takes card payments that sales consultants hear by telephone.",
    discussion: """
      EXAMPLES
        countersign-server init --data /var/lib/countersign --name pay.example --host pay.example
        countersign-server run --data /var/lib/countersign --port 7443 --acquirer simulator
        countersign-server bundle --data /var/lib/countersign --terminal countersign-terminal --release 1.1.0
        countersign-server audit verify --data /var/lib/countersign --against /mnt/other/heads
        countersign-server backup --data /var/lib/countersign /backup/ledger-2026-11-28.db
        countersign-server check-certificate --anchors root.pem --chain consultant.pem --role consultant

      Settings come from flags, then environment variables (COUNTERSIGN_PORT for --port), then the file given with
      --settings, then the default.
      """,
    version: "countersign-server 1.0.0",
    subcommands: [
      Init.self, Run.self, BundleCommand.self, CheckCertificate.self, AuditCommand.self, CanaryCommand.self,
      BackupCommand.self, RestoreCommand.self,
    ])

  static func main() async {
    CrashReports.switchOff()
    await main(NegativeNumbers.arguments)
  }
}
