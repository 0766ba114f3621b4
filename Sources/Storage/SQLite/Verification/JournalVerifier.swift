import Audit
import Bytes
import CSQLite
import Cryptography
import Payments

/// Verifies a ledger's journal, also of a running server: reads parts of the numbers in transactions of their own, so
/// that the writer's checkpoints are not held up.
public struct JournalVerifier: Sendable {
  /// Numbers of one read transaction, which lasts some tens of milliseconds.
  public static let pageNumbers: Int64 = 16_384
  /// Most records behind the last head that are read in one transaction.
  static let largestTail: Int64 = 65_536
  /// Most milliseconds from the first record without a head to the last one. The writer makes a head each second.
  static let longestUnsigned: Int64 = 60_000

  /// What was verified.
  public struct Report: Sendable, Equatable {
    public var records: Int64
    public var heads: Int64
    /// The last head, which vouches for all records up to its own last.
    public var last: JournalHead?
    /// Records that no head is over yet. They fit the digests they keep, but nobody has signed them.
    public var unsigned: Int64
    /// Numbers that were written while this ran and were not read.
    public var skipped: Int64
    /// What the records up to the last head that was there say of the rows that are compared with them.
    var acts = RecordedActs()
    /// That head's last record.
    var actsEnd: Int64 = 0
  }

  private let key: PublicKey
  private let readers: [PageReader]
  private let survey: JournalSurvey
  private let pageNumbers: Int64

  /// - Parameters:
  ///   - key: what heads must be signed with.
  ///   - workers: pages that are read at once.
  ///   - pageNumbers: numbers of one read transaction.
  /// - Throws: ``StoreError`` that names the file.
  public init(
    path: String, key: PublicKey, workers: Int, pageNumbers: Int64 = JournalVerifier.pageNumbers
  ) throws(StoreError) {
    self.key = key
    self.pageNumbers = pageNumbers
    var readers: [PageReader] = []
    for _ in 0..<max(1, workers) { readers.append(try PageReader(path: path, key: key)) }
    self.readers = readers
    survey = try JournalSurvey(path: path, key: key)
  }

  /// Verifies everything.
  ///
  /// - Parameter progress: told the numbers done and the last of those that a head is over; nothing more is read until
  ///   it returns.
  /// - Throws: ``JournalProblem`` for the first bad record, ``StoreError``.
  public func run(
    progress: @Sendable (_ done: Int64, _ of: Int64) async throws -> Void = { _, _ in }
  ) async throws -> Report {
    if let added = try await survey.numberBelowOne() { throw JournalProblem(added, "was added") }
    let last = try await signedEnd()
    var walk = JournalWalk()
    var pages = PagesAhead(readers: readers, end: last, pageNumbers: pageNumbers)
    defer { pages.cancel() }
    var acts = RecordedActs()
    while let page = try await pages.next() {
      try walk.take(page)
      for act in page.acts { acts.take(act) }
      acts.unresolved.take(started: page.started)
      try await progress(page.range.upperBound, last)
    }
    let skipped = try await survey.lastNumber() - last
    guard skipped <= Self.largestTail else {
      return Report(
        records: last, heads: walk.headCount, last: walk.lastHead, unsigned: 0, skipped: skipped, acts: acts,
        actsEnd: last)
    }
    let unsigned = try walk.finish(try await survey.tail(after: last))
    return Report(
      records: walk.next - 1, heads: walk.headCount, last: walk.lastHead, unsigned: unsigned, skipped: 0, acts: acts,
      actsEnd: last)
  }

  /// - Returns: the last record that a head is over.
  private func signedEnd() async throws -> Int64 {
    let (head, span) = try await survey.end()
    let last = head?.last ?? 0
    guard span <= Self.longestUnsigned else {
      throw JournalProblem(
        last + 1,
        "and those behind it have no head, though they are of \(span / 1_000) s and a head is made each second: heads were "
          + "removed")
    }
    return last
  }

  /// Compares the register and what is open with a journal that ``run(progress:)`` found whole, and with what came since.
  ///
  /// - Returns: rows that are not what the journal says; empty: none.
  /// - Throws: ``JournalProblem`` where a record that came since was altered, ``StoreError``.
  public func compareRegister(_ report: Report) async throws -> [RegisterProblem] {
    let (acts, contents) = try await survey.register(report.acts, after: report.actsEnd)
    return acts.problems(beside: contents)
  }

  /// Compares a head that was kept elsewhere with a journal that ``run(progress:)`` found whole.
  ///
  /// - Parameters:
  ///   - place: where the head was found, for people.
  ///   - end: number of the journal's last record.
  /// - Throws: ``JournalProblem``, ``AuditFailure`` where the head is not signed with the key, ``StoreError``.
  public func compare(_ head: JournalHead, from place: String, end: Int64) async throws {
    let own = try await survey.head(endingAt: head.last)
    guard own?.signed != head.signed else { return }
    guard head.isSigned(by: key) else { throw AuditFailure("\(place): the head is not signed with this key") }
    if let text = Self.otherLife(head, place, try await survey.epochs()) { throw JournalProblem(head, text) }
    guard head.last <= end else {
      throw JournalProblem(end + 1, "is missing: \(place) has a signed head over records \(head.first) to \(head.last)")
    }
    throw JournalProblem(head, "they are not those that the signed head in \(place) is over")
  }
}

extension JournalVerifier {
  /// What restores say about a head that the journal does not have.
  ///
  /// - Returns: nil where they explain nothing: the journal was altered.
  private static func otherLife(_ head: JournalHead, _ place: String, _ epochs: [LedgerEpoch]) -> String? {
    let lives =
      [(name: JournalEpoch.first, begin: LedgerEpoch?.none)]
      + epochs.map { (JournalEpoch(number: $0.number, id: $0.id), $0) }
    guard let life = lives.firstIndex(where: { $0.name == head.epoch }) else {
      let same = lives.last { $0.name.number == head.epoch.number }
      let own = same.map { "its \($0.name) is another one" } ?? "it is in \(lives.last?.name ?? .first)"
      return "the signed head in \(place) is of \(head.epoch), which this ledger does not have: \(own); "
        + "another ledger was restored beside it"
    }
    guard life + 1 < lives.count, let next = lives[life + 1].begin, head.last > next.headLast else { return nil }
    return "the signed head in \(place) is of \(head.epoch), and this ledger was restored after it: "
      + "\(lives[life + 1].name) goes on from the head over record \(next.headLast), what came behind it was lost"
  }
}

/// Pages in order, read ahead of the one who takes them.
private struct PagesAhead {
  private let readers: [PageReader]
  private let end: Int64
  private let pageNumbers: Int64
  private var nextNumber: Int64 = 1
  private var nextReader = 0
  private var tasks: [Task<VerifiedPage, any Error>] = []

  init(readers: [PageReader], end: Int64, pageNumbers: Int64) {
    self.readers = readers
    self.end = end
    self.pageNumbers = pageNumbers
  }

  mutating func next() async throws -> VerifiedPage? {
    while tasks.count < readers.count * 2, nextNumber <= end {
      let range = nextNumber...min(end, nextNumber + pageNumbers - 1)
      let reader = readers[nextReader]
      tasks.append(Task { try await reader.page(range) })
      nextNumber = range.upperBound + 1
      nextReader = (nextReader + 1) % readers.count
    }
    guard !tasks.isEmpty else { return nil }
    return try await tasks.removeFirst().value
  }

  func cancel() {
    for task in tasks { task.cancel() }
  }
}

/// Looks at a journal as a whole, on a connection of its own.
actor JournalSurvey {
  private let database: Database
  private let ranges: JournalRanges
  private let key: PublicKey

  init(path: String, key: PublicKey) throws(StoreError) {
    database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    ranges = try JournalRanges(database)
    self.key = key
  }

  /// The last head, and milliseconds from the first record behind it to the last one, at one moment.
  func end() throws(StoreError) -> (head: JournalHead?, unsigned: Int64) {
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    let head = try database.prepare("\(JournalHead.columns) ORDER BY last DESC LIMIT 1").first(JournalHead.init(row:))
    let times = try database.prepare(
      """
      SELECT coalesce(max(time) - min(time), 0) FROM (SELECT time FROM payment WHERE seq > ?1
        UNION ALL SELECT time FROM event WHERE seq > ?1)
      """)
    times.bind(1, head?.last ?? 0)
    return (head, try times.first { $0.int(0) } ?? 0)
  }

  func head(endingAt last: Int64) throws(StoreError) -> JournalHead? {
    let find = try database.prepare("\(JournalHead.columns) WHERE last = ?")
    find.bind(1, last)
    return try find.first(JournalHead.init(row:))
  }

  /// Oldest first.
  func epochs() throws(StoreError) -> [LedgerEpoch] { try SQLiteStore.epochs(database) }

  /// The highest number of the tables that are in order of it.
  func lastNumber() throws(StoreError) -> Int64 {
    try database.number(
      """
      SELECT max(coalesce((SELECT max(seq) FROM payment), 0), coalesce((SELECT max(seq) FROM event), 0),
        coalesce((SELECT max(last) FROM head), 0))
      """)
  }

  /// A number that no journal begins with.
  func numberBelowOne() throws(StoreError) -> Int64? {
    let find = try database.prepare(
      """
      SELECT min(seq) FROM (SELECT min(seq) AS seq FROM payment UNION ALL SELECT min(seq) FROM event
        UNION ALL SELECT min(payment) FROM outcome) WHERE seq < 1
      """)
    return try find.first { $0.optionalInt(0) } ?? nil
  }

  /// The rows that are compared with the journal, and what its records say of them, of one moment.
  ///
  /// - Parameters:
  ///   - acts: up to a record.
  ///   - last: number of that record.
  func register(_ acts: RecordedActs, after last: Int64) throws -> (RecordedActs, RegisterContents) {
    var acts = acts
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    let events = try database.prepare("\(JournalTable.event.select) WHERE seq > ? ORDER BY seq")
    events.bind(1, last)
    while try events.step() {
      guard let act = RegisterAct(row: events) else { continue }
      guard JournalTable.event.leaf(events).isUnaltered else {
        events.reset()
        throw JournalProblem(act.record, JournalProblem.altered)
      }
      acts.take(act)
    }
    try acts.unresolved.leaveOut(JournalOutcomes(database))
    var contents = try RegisterContents(database)
    for act in acts.register where act.kind == .epochBegun {
      contents.lostSince[act.record] = try ranges.leaves(act.record - 1...act.record - 1).first?.time
    }
    return (acts, contents)
  }

  /// Everything behind a record, of one moment.
  func tail(after last: Int64) throws(StoreError) -> VerifiedTail {
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    var tail = VerifiedTail()
    tail.leaves = try ranges.leaves(last + 1...Int64.max)
    let heads = try database.prepare("\(JournalHead.columns) WHERE last > ? ORDER BY last")
    heads.bind(1, last)
    tail.heads = try heads.all(JournalHead.init(row:)).map { ($0, $0.isSigned(by: key)) }
    return tail
  }
}
