import Payments

/// Keeps order references, cards and consultants findable without an index of their own, which would cost a payment
/// three more B-tree writes: gathered in memory, sorted off this thread, and written in few large rows. On the writer's
/// thread.
///
/// Source: docs/performance.md, "Lookup runs".
final class LookupRuns {
  /// Payments of a run, at least.
  static let payments = 65_536
  /// Chunks written in one transaction: 80 KiB, so that no commit takes noticeably longer.
  static let chunksOfTransaction = 20

  let key: LookupKey
  private let size: Int
  private let insertChunk: Statement
  private let insertRun: Statement
  /// Payments in no run yet, by rising number; those behind `committed` belong to the present transaction.
  private var tail: [LookupEntry] = []
  private var committed = 0
  private var run: LookupRun?
  /// Chunks of `run` that are durable.
  private var durable = 0
  /// Chunks of `run` that are written, in the present transaction too.
  private var written = 0

  /// Takes up what stands in no whole run.
  init(_ database: Database, size: Int = LookupRuns.payments) throws(StoreError) {
    self.size = size
    let bytes = try database.prepare("SELECT key FROM lookup_key").first { $0.bytes(0) }
    guard let bytes, bytes.count == 32 else { throw .damaged("\(database.path): the key of the lookups is missing") }
    key = LookupKey(bytes)
    insertChunk = try database.prepare("INSERT INTO lookup (run, first, body) VALUES (?1, ?2, ?3)")
    insertRun = try database.prepare("INSERT INTO lookup_run VALUES (?1, ?2, ?3, ?4)")
    let last = try database.number("SELECT coalesce(max(run), 0) FROM lookup_run")
    let discard = try database.prepare("DELETE FROM lookup WHERE run > ?1")
    discard.bind(1, last)
    _ = try discard.run()
    tail.reserveCapacity(size + size / 16)
    let rest = try database.prepare(
      "SELECT seq, time, consultant, fingerprint, reference FROM payment WHERE seq > ?1 ORDER BY seq")
    rest.bind(1, last)
    while try rest.step() {
      tail.append(
        LookupEntry(
          number: rest.int(0), time: rest.int(1), consultant: rest.int(2), fingerprint: rest.bytes16(3),
          reference: rest.buffer(4)))
    }
    committed = tail.count
    sortNext()
  }

  func gather(_ entry: LookupEntry) { tail.append(entry) }

  /// Committed payments with a higher number that stand in no whole run, by rising number.
  func recent(_ lookup: PaymentLookup, after number: Int64) -> [Int64] {
    var found: [Int64] = []
    for entries in [run?.entries[...] ?? [], tail[..<committed]] where (entries.last?.number ?? 0) > number {
      for entry in entries where entry.number > number && entry.isFound(by: lookup) { found.append(entry.number) }
    }
    return found
  }

  /// Whether a sorted run waits to be written.
  var isDue: Bool { run?.chunks != nil }

  /// Writes the next chunks of a sorted run; with the last ones the row that makes it count.
  func write() throws(StoreError) {
    guard let run, let chunks = run.chunks else { return }
    let end = min(written + Self.chunksOfTransaction, chunks.count)
    for chunk in chunks[written..<end] {
      insertChunk.bind(1, run.number)
      insertChunk.bind(2, chunk.first)
      insertChunk.bind(3, chunk.body)
      try insertChunk.run(conflict: "lookup")
    }
    written = end
    guard end == chunks.count else { return }
    insertRun.bind(1, run.number)
    insertRun.bind(2, run.entries.first?.number ?? 0)
    insertRun.bind(3, run.entries.lazy.map(\.time).min() ?? 0)
    insertRun.bind(4, run.entries.lazy.map(\.time).max() ?? 0)
    try insertRun.run(conflict: "lookup_run")
  }

  func commit() {
    committed = tail.count
    durable = written
    if let chunks = run?.chunks, durable == chunks.count { run = nil }
    sortNext()
  }

  func rollback() {
    removeGathered(after: committed)
    written = durable
  }

  /// Entries gathered so far, the present transaction's too.
  var count: Int { tail.count }

  /// Forgets what was gathered since ``count`` was `count`.
  func removeGathered(after count: Int) { tail.removeLast(tail.count - count) }

  private func sortNext() {
    guard run == nil, committed >= size else { return }
    (durable, written) = (0, 0)
    run = LookupRun(tail, key: key)
    tail = []
    tail.reserveCapacity(size + size / 16)
    committed = 0
  }
}
