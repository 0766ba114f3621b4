import Audit
import Files
import ProgramSupport
import StorageSQLite

/// A copy of a ledger whose journal was found whole against its own signed heads.
struct VerifiedBackup {
  let records: Int64
  /// The newest head, which is worth keeping elsewhere; nil where the copy has none.
  let head: JournalHead?

  /// - Parameters:
  ///   - file: the copy; read only.
  ///   - key: PEM file with the published key of the journal.
  ///   - pace: of the ledger that the service may be writing meanwhile.
  /// - Throws: `StoreError` that names the file; ``ProgramError`` with the first bad record.
  init(_ file: String, key: String, pace: Pace? = nil) async throws {
    // SQLite takes an empty file for a new database.
    if try Files.isThere(file), try OpenFile(file).size == 0 {
      throw ProgramError(.file, "\(file) is empty, so it is no backup; name a file that countersign-server backup made")
    }
    let verifier = try JournalVerifier(path: file, key: try AuditCommand.Verify.publicKey(key), workers: 1)
    do {
      let report = try await verifier.run { _, _ in try await pace?.rest() }
      (records, head) = (report.records, report.last)
    } catch let problem as JournalProblem {
      throw ProgramError(.refused, "\(file): the journal is not whole: \(problem)")
    }
  }
}
