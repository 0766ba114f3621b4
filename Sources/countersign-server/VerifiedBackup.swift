import Audit
import Files
import ProgramSupport
import StorageSQLite

/// A copy of a ledger whose journal was found whole against its own signed heads, whose schema is that of a new
/// ledger, and whose register is what the journal says.
struct VerifiedBackup {
  let records: Int64
  /// The newest head, which is worth keeping elsewhere; nil where the copy has none.
  let head: JournalHead?

  /// - Parameters:
  ///   - file: the copy; read only.
  ///   - key: PEM file with the published key of the journal.
  ///   - pace: of the ledger that the service may be writing meanwhile.
  /// - Throws: `FileError` or `StoreError` that names the file; ``ProgramError`` where it is no copy of a ledger, or with
  ///   the first bad record or the rows that the journal contradicts.
  init(_ file: String, key: String, pace: Pace? = nil) async throws {
    // SQLite takes an empty file for a new database.
    let opened = try OpenFile(file)
    var header = [UInt8](repeating: 0, count: SQLiteStore.ledgerHeader)
    let count = try header.withUnsafeMutableBytes { try opened.read(at: 0, into: $0) }
    guard SQLiteStore.isLedger(header: Array(header.prefix(count))) else {
      let what = count > 0 ? "is no copy of a service's ledger" : "is empty, so it is no backup"
      throw ProgramError(.file, "\(file) \(what); name a file that countersign-server backup made")
    }
    let key = try AuditCommand.Verify.publicKey(key)
    let altered = try SchemaProblem.all(in: file)
    guard altered.isEmpty else {
      throw ProgramError(
        .refused,
        "\(file): the schema is not that of a ledger:\n  " + SchemaProblem.lines(altered).joined(separator: "\n  "))
    }
    let verifier = try JournalVerifier(path: file, key: key, workers: 1)
    do {
      let report = try await verifier.run { _, _ in try await pace?.rest() }
      let problems = try await verifier.compareRegister(report)
      guard problems.isEmpty else {
        throw ProgramError(
          .refused,
          "\(file): the register is not what the journal says:\n  "
            + RegisterProblem.lines(problems).joined(separator: "\n  "))
      }
      (records, head) = (report.records, report.last)
    } catch let problem as JournalProblem {
      throw ProgramError(.refused, "\(file): the journal is not whole: \(problem)")
    }
  }
}
