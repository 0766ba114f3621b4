import ArgumentParser
import Bytes
import CheckoutService
import Files
import Glibc
import ProgramSupport

/// Puts a copy in the ledger's place.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Puts a backup in the place of the ledger of a stopped service, and begins a new epoch.",
    discussion: """
      The backup is verified first. The payments made after it are not in it: so all sessions end, new cards get a new
      data key, STANs go on behind a gap, a record of the journal names the head it goes on from, and payments are
      refused until countersign-admin epoch confirm says that ledger and acquirer agree. The former ledger is kept
      beside the new one. Where the command is cut off, the former ledger is as it was, or the service does not start
      until the command is given again.

      EXAMPLE
        countersign-server restore --data /var/lib/countersign /backup/ledger-2026-11-28.db

      EXIT CODES
        0 done   1 the backup's journal is not whole, or its register is not what the journal says   64 wrong usage
        74 file error, or the service runs   77 the key of the journal is none   78 wrong folder
      """)

  @Option(help: "The server's folder. [COUNTERSIGN_DATA]")
  var data: String?

  @Argument(help: "The copy that countersign-server backup made.")
  var file: String

  @OptionGroup var vault: VaultOptions

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run {
      let settings = try await Settings(file: nil)
      let folder = try DataFolder(data, settings)
      try folder.checkMade(isToRestore: true)
      guard !Files.isSame(file, folder.ledger) else {
        throw ProgramError(
          .usage, "\(file) is the ledger itself, which nothing has to be restored of; name a copy of it")
      }
      _ = try await VerifiedBackup(file, key: folder.file("audit/public.pem"))
      let restored = try folder.restore(file, pin: try vault.pin(settings), now: Int64(time(nil)) * 1_000)
      switch output {
      case .text:
        Console.print(
          "epoch \(restored.epoch), id \(Hex.encode(restored.id.bytes)), goes on from the head over record \(restored.headLast); data key "
            + "\(restored.keyVersion) is in force")
        let besides = restored.besides.joined(separator: ", ")
        if let former = restored.former {
          Console.print("the former ledger is kept as \(former)" + (besides.isEmpty ? "" : ", with \(besides)"))
        } else if !besides.isEmpty {
          Console.print("kept of the former ledger: \(besides)")
        }
        Console.print("next: start the service, compare with the acquirer (countersign-admin reconcile), then")
        Console.print("  countersign-admin epoch confirm --comment TEXT")
      case .json:
        Console.print(
          JSON.object([
            ("epoch", .number(restored.epoch)), ("id", .text(Hex.encode(restored.id.bytes))),
            ("head_last", .number(restored.headLast)),
            ("key_version", .number(Int64(restored.keyVersion))), ("former", .text(restored.former ?? "")),
            ("kept_besides", .texts(restored.besides)),
          ]))
      }
    }
  }
}
