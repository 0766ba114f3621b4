import ArgumentParser
import Audit
import Bytes
import CountersignClient
import Cryptography
import Files
import FoundationEssentials
import Messages
import ProgramSupport

extension AuditCommand {
  /// Writes records for an outside auditor.
  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes records of the journal with the heads that make them verifiable, one JSON object a line.",
      discussion: """
        Whole heads are written: the first is the one over --from or at --since, the last the one over --to or at --until.
        Cards stand there with their first six and last four digits. The journal records the export. docs/audit.md,
        "Exports", says how it is verified.

        EXAMPLES
          countersign-admin audit export --output all.jsonl
          countersign-admin audit export --from 1000 --to 2000 --output some.jsonl
          countersign-admin audit export --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --output november.jsonl

        EXIT CODES
          0 done   1 refused   64 wrong usage   69 service unreachable   74 file error   77 the answer is no export
        """)

    @Option(help: "Number of the first record, default the first of all.")
    var from: UInt64?

    @Option(help: "Number of the last record, default the last that a head is over.")
    var to: UInt64?

    @Option(help: "Instead of --from: time of the first head, for example 2026-11-01T00:00:00Z.")
    var since: String?

    @Option(help: "Instead of --to: time of the last head.")
    var until: String?

    @Option(help: "File to write; a file that exists is replaced once the export is whole.")
    var output: String

    @OptionGroup var connection: AdminConnection

    func run() async throws {
      try await AdminProgram.run(Self.fields) {
        let request = try request()
        try OutputFile.check(output)
        let administrator = try await connection.administrator()
        let unfinished = "\(output).part"
        let lines = Lines(file: try AppendedFile(unfinished, isEmptied: true, mode: 0o600))
        let (records, heads): (Int64, Int64)
        do {
          (records, heads) = try await administrator.audit { try await Self.write($0, request, lines) }
          try Files.rename(unfinished, to: output)
        } catch {
          try? Files.destroy(unfinished)
          throw error
        }
        Console.print("\(output): \(counted(records, "record")) under \(counted(heads, "head"))")
      }
    }

    private static let fields: RequestFields = [
      "first": "--from", "last": "--to", "since_ms": "--since", "until_ms": "--until",
    ]

    private func request() throws -> BeginExportRequest {
      guard from == nil || since == nil else { throw ProgramError(.usage, "give --from or --since, not both") }
      guard to == nil || until == nil else { throw ProgramError(.usage, "give --to or --until, not both") }
      guard from != 0, to != 0 else { throw ProgramError(.usage, "--from, --to: records are numbered from 1") }
      var request = BeginExportRequest()
      (request.first, request.last) = (from ?? 0, to ?? 0)
      request.sinceMs = try since.map { try Self.milliseconds($0, "since") } ?? 0
      request.untilMs = try until.map { try Self.milliseconds($0, "until") } ?? 0
      return request
    }

    private static func milliseconds(_ text: String, _ name: String) throws -> UInt64 {
      guard let date = try? Date(text, strategy: .iso8601), date.timeIntervalSince1970 > 0 else {
        throw ProgramError(.usage, "--\(name) \(text): must be like 2026-11-23T14:05:09Z")
      }
      return UInt64(date.timeIntervalSince1970 * 1_000)
    }

    /// - Returns: how many records and heads there are.
    private static func write(
      _ client: AuditClient, _ request: BeginExportRequest, _ lines: Lines
    ) async throws -> (records: Int64, heads: Int64) {
      let key = try await client.getAuditKey(GetAuditKeyRequest())
      let begun = try await client.beginExport(request)
      try lines.write(
        ExportLines.begin(
          Int64(clamping: begun.first), Int64(clamping: begun.last), key: SHA256.digest(key.publicKey),
          service: key.service))
      var (records, heads): (Int64, Int64) = (0, 0)
      var next = ReadExportRequest()
      (next.token, next.from) = (begun.token, begun.first)
      while next.from != 0 {
        let reply = try await client.readExport(next)
        guard reply.next == 0 || reply.next > next.from else {
          throw TerminalError.untrusted("the service answered with an export that does not go on")
        }
        let part = try ExportPart(records: reply.records, heads: reply.heads)
        try lines.write(part)
        (records, heads) = (records + Int64(part.records.count), heads + Int64(part.heads.count))
        next.from = reply.next
      }
      try lines.write(ExportLines.end(records: records, heads: heads))
      try lines.flush()
      return (records, heads)
    }
  }
}

extension AuditFailure: ProgramEnding {
  public var status: ExitStatus { .untrusted }
}

/// Writes the lines of an export in the order of its records, each head behind its last record.
private final class Lines: @unchecked Sendable {
  // Sendable: one call at a time writes here, and the file is not used by anyone else.
  private static let largestBuffer = 1 << 20
  private let file: AppendedFile
  private var buffer: [UInt8] = []

  init(file: AppendedFile) { self.file = file }

  func write(_ line: String) throws {
    buffer.append(contentsOf: line.utf8)
    buffer.append(UInt8(ascii: "\n"))
    if buffer.count >= Self.largestBuffer { try flush() }
  }

  func write(_ part: ExportPart) throws {
    var heads = part.heads[...]
    for record in part.records {
      try write(ExportLines.record(record))
      guard let head = heads.first, head.last == record.number else { continue }
      try write(ExportLines.head(head))
      heads = heads.dropFirst()
    }
  }

  func flush() throws {
    try file.append(buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}
