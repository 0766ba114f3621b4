import ArgumentParser
import CheckoutService
import Files
import Glibc
import Messages
import ProgramSupport
import StorageSQLite

/// Copies the ledger.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copies the ledger into a new file while payments go on, and verifies the copy.",
    discussion: """
      Runs on the service's machine. The running service copies its ledger in small steps between payments, asked with
      an administrator's certificate; the ledger of a stopped service is copied by this command. Then the copy is made
      durable, and its pages, indexes and the journal with its signed heads are verified; until then its name ends with
      .partial. An existing file is never overwritten.

      The copy holds the ledger alone, so that it opens no card by itself. Copy the other folders too, vault/ to another
      place than the ledger: docs/operations.md, "Backup", says when each changes and how a service begins anew on
      another machine.

      EXAMPLE
        countersign-server backup --data /var/lib/countersign /backup/ledger-2026-11-28.db

      EXIT CODES
        0 done   1 refused by the service, or the copy's journal is not whole or not of its register
        64 wrong usage   69 the service runs and could not be reached   74 file error
        77 certificate or key not trusted   78 wrong folder
      """)

  @Option(help: "The server's folder. [COUNTERSIGN_DATA]")
  var data: String?

  @OptionGroup var connection: AdminConnection

  @Argument(help: "File that is not there yet.")
  var file: String

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run(["file": .path]) {
      Priority.lower()
      let settings = try await Settings(file: connection.settings)
      let folder = try DataFolder(data, settings)
      try folder.checkMade()
      let path = try Self.absolute(file)
      let partial = path + ".partial"
      guard !Files.exists(path) else { throw ProgramError(.file, "\(path) exists already; name a new file") }
      guard !Files.exists(partial) else {
        throw ProgramError(
          .file,
          "\(partial) is there: another backup is making it, or was cut off; in that case remove it and give the command "
            + "again")
      }
      if try !SQLiteStore.copyStopped(folder.ledger, to: partial) { try await copyRunning(folder, to: partial) }
      try Files.sync(partial)
      let pace = try Pace(beside: folder.ledger)
      try SQLiteStore.checkCopy(partial, pace: pace)
      let verified = try await VerifiedBackup(partial, key: folder.file("audit/public.pem"), pace: pace)
      try Files.rename(partial, to: path)
      tell(path, verified, folder)
    }
  }

  /// Has the running service copy its ledger, and waits for the end.
  private func copyRunning(_ folder: DataFolder, to partial: String) async throws {
    let administrator = try await connection.administrator(folder: folder.file("admin"))
    var request = StartBackupRequest()
    request.file = partial
    var state = try await administrator.run { [request] in try await $0.startBackup(request) }
    while state.file == partial, state.isRunning {
      // Little by little: much at once would hold up the ledger's own commits. A copy that failed is gone.
      for _ in 0..<10 {
        try await Task.sleep(for: .milliseconds(20))
        try? Files.sync(partial)
      }
      state = try await administrator.run { try await $0.getBackup(GetBackupRequest()) }
    }
    if state.file == partial {
      guard state.failure.isEmpty else { throw ProgramError(.file, state.failure) }
    } else if state.file.isEmpty {
      throw ProgramError(.file, "the service was started again meanwhile; remove \(partial) and give the command again")
    } else if !Files.exists(partial) {
      // The service tells of the last copy alone, and begins none before the former one has ended. One that failed is gone.
      throw ProgramError(.file, "the copy failed; the journal's record BACKUP_FINISHED of \(partial) says why")
    }
  }

  private static func absolute(_ path: String) throws -> String {
    if path.hasPrefix("/") { return path }
    guard let folder = getcwd(nil, 0) else { throw FileError(path: ".", doing: "use", code: errno) }
    defer { free(folder) }
    return "\(String(cString: folder))/\(path)"
  }

  private func tell(_ path: String, _ verified: VerifiedBackup, _ folder: DataFolder) {
    switch output {
    case .text:
      Console.print("\(path): \(counted(verified.records, "record")), whole")
      if let head = verified.head { Console.print("last head: over record \(head.last)\n  \(head.line)") }
      Console.print("not in it: \(folder.besideLedger.joined(separator: ", ")); copy them too, vault to another place")
    case .json:
      Console.print(
        JSON.object([
          ("file", .text(path)), ("records", .number(verified.records)),
          ("last_head", .text(verified.head?.line ?? "")),
        ]))
    }
  }
}
