import ArgumentParser
import Audit
import Bytes
import CheckoutService
import Cryptography
import Files
import Glibc
import Payments
import ProgramSupport
import StorageSQLite

/// What auditors do with the ledger's file.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Verifies the journal.", subcommands: [Verify.self])
}

extension AuditCommand {
  /// Finds out whether anybody changed the journal.
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Verifies every record and head of the journal, and compares the register with it.",
      discussion: """
        Reads the ledger's file, beside a running server too: slowly then while payments come in. It reads tables, no
        indexes: those it checks with --indexes, as backup and restore do. Records that were altered, removed, added or
        reordered are found from the journal alone; that its end was cut off, or that all of it was written anew, shows
        only against heads that were kept: those in DATA/heads are compared, and those kept elsewhere where --against
        names their files, or folders of such files. Of the register it compares companies, consultants, administrators
        and their roles, certificates, devices and gateways: who is there, and who is revoked, when and why; and how far
        refunds, voids and open payments are. Tables, indexes, triggers and views must be those of a new ledger.

        EXAMPLES
          countersign-server audit verify --data /var/lib/countersign
          countersign-server audit verify --data /var/lib/countersign --against /mnt/other/heads --key audit.pem
          countersign-server audit verify --ledger /backup/ledger.db --key audit.pem

        EXIT CODES
          0 whole   1 named is the first bad record, or what was added to the schema, changed or removed, or the rows of the
              register that the journal contradicts
          64 wrong usage   65 a file of heads is not one of this journal
          74 file error   77 the key is none   78 wrong folder
        """)

    @Option(help: "The server's folder. [COUNTERSIGN_DATA]")
    var data: String?

    @Option(help: "The ledger's file, default DATA/ledger.db.")
    var ledger: String?

    @Option(help: "PEM file with the published key of the journal, default DATA/audit/public.pem.")
    var key: String?

    @Option(help: "File of signed heads that were kept elsewhere, or a folder of such files; may be repeated.")
    var against: [String] = []

    @Flag(help: "Also check every page of the file, and every index against its table.")
    var indexes = false

    @Option(help: "Parts that are read at once, default one for each core.")
    var workers: Int?

    @Option(help: "text or json.")
    var output: OutputFormat = .text

    func run() async throws {
      try await Program.run {
        Priority.lower()
        let folder = try await Settings(file: nil).text(data, .data).map(DataFolder.init)
        guard let ledger = ledger ?? folder?.ledger, let key = key ?? folder?.file("audit/public.pem") else {
          throw ProgramError(.usage, "--data is needed: the server's folder; or --ledger and --key")
        }
        if self.ledger == nil, let folder { try folder.checkMade() } else { try SQLiteStore.checkNotCutOff(ledger) }
        let kept = try against.map { (place: $0, files: try HeadFile.files($0)) }
        // What the server keeps itself: whoever wrote the ledger alone cannot have changed it.
        let own = try self.ledger == nil ? folder.map { try HeadFile.kept($0.file("heads")) } ?? [] : []
        let workers = workers ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        guard (1...256).contains(workers) else { throw ProgramError(.usage, "--workers: must be 1 to 256") }
        let published = try Self.publicKey(key)
        // First, since no statement is sure to do what it says on another schema.
        try refuse(SchemaProblem.all(in: ledger), of: "schema", at: "schema: ") {
          [("type", $0.type), ("name", $0.name), ("table", $0.table), ("problem", $0.kind.rawValue)]
        }
        let verifier = try JournalVerifier(path: ledger, key: published, workers: workers)
        do {
          let (lines, pace) = (ProgressLines(), try Pace(beside: ledger))
          let report = try await verifier.run { done, of in
            lines.tell(done, of: of)
            try await pace.rest()
          }
          let end = report.records + report.skipped
          _ = try await compare(own, verifier, end: end)
          var compared: Int64 = 0
          for (place, files) in kept {
            let count = try await compare(files, verifier, end: end)
            guard count > 0 else {
              throw ProgramError(.input, "--against: there is no head in \(place), so nothing was compared with it")
            }
            compared += count
          }
          try refuse(await verifier.compareRegister(report), of: "register") {
            [("table", $0.table), ("row", $0.row), ("journal", $0.journal), ("register", $0.register)]
          }
          if indexes { try SQLiteStore.checkIndexes(ledger, pace: pace) }
          tell(report, compared: compared)
        } catch let problem as JournalProblem {
          tell(problem)
          throw ExitCode(ExitStatus.refused.rawValue)
        }
      }
    }

    /// - Returns: how many heads were compared.
    private func compare(_ files: [String], _ verifier: JournalVerifier, end: Int64) async throws -> Int64 {
      var compared: Int64 = 0
      for path in files {
        var file = try HeadFile(path)
        while let line = try file.next() {
          guard let head = JournalHead(line: line.text) else {
            throw ProgramError(.input, "\(line.place): is no head")
          }
          do {
            try await verifier.compare(head, from: line.place, end: end)
          } catch let failure as AuditFailure {
            throw ProgramError(.input, "\(failure)")
          }
          compared += 1
        }
      }
      return compared
    }

    static func publicKey(_ path: String) throws -> PublicKey {
      do {
        return try PublicKey(pem: try Files.read(path))
      } catch let error as CryptographyError {
        throw ProgramError(.untrusted, "\(path): \(error)")
      }
    }
  }
}

// MARK: - Output

extension AuditCommand.Verify {
  private func tell(_ report: JournalVerifier.Report, compared: Int64) {
    switch output {
    case .text:
      Console.print(
        "whole: \(counted(report.records, "record")) under \(counted(report.heads, "head"))"
          + (compared > 0 ? ", which agree with \(compared) kept elsewhere" : ""))
      if let last = report.last {
        Console.print("last head: over record \(last.last), \(TimeText.instant(last.time))")
        Console.print("  \(last.line)")
      }
      if report.unsigned > 0 { Console.print("no head is over the last \(counted(report.unsigned, "record")) yet") }
      if report.skipped > 0 {
        Console.print("not read, because written meanwhile: \(counted(report.skipped, "record"))")
      }
    case .json:
      Console.print(
        JSON.object([
          ("result", .text("whole")), ("records", .number(report.records)), ("heads", .number(report.heads)),
          ("last_head", .text(report.last?.line ?? "")), ("unsigned", .number(report.unsigned)),
          ("skipped", .number(report.skipped)), ("compared", .number(compared)),
        ]))
    }
  }

  /// Tells problems, where there are any, and ends the program.
  ///
  /// - Parameters:
  ///   - name: what they are of; JSON lists them under it.
  ///   - place: what stands before a problem's text.
  ///   - members: a problem in JSON.
  private func refuse<Problem: LedgerProblem>(
    _ problems: [Problem], of name: String, at place: String = "", _ members: (Problem) -> [(String, String)]
  ) throws {
    guard let first = problems.first else { return }
    switch output {
    case .text: for line in Problem.lines(problems) { Console.print("bad: \(place)\(line)") }
    case .json:
      let objects = problems.map { JSON.object(members($0).map { ($0, .text($1)) }) }
      Console.print(
        JSON.object([("result", .text("bad")), ("text", .text("\(place)\(first)")), (name, .list(objects))]))
    }
    throw ExitCode(ExitStatus.refused.rawValue)
  }

  private func tell(_ problem: JournalProblem) {
    switch output {
    case .text: Console.print("bad: \(problem)")
    case .json:
      Console.print(
        JSON.object([
          ("result", .text("bad")), ("record", .number(problem.record)), ("text", .text(problem.description)),
        ]))
    }
  }
}
