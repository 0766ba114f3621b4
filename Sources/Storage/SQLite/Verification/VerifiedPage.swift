import Audit
import Bytes
import CSQLite
import Cryptography
import Payments

/// The records of a range of numbers, as far as they can be judged by themselves: each row against the digest that it
/// keeps, each head against its signature.
struct VerifiedPage: Sendable {
  let range: ClosedRange<Int64>
  /// Leaf and time of each number; nil where no row has it.
  private(set) var records: [(leaf: Bytes32, time: Int64)?]
  /// Outcomes of payments of this range that have numbers outside of it.
  private(set) var outside: [JournalLeaf] = []
  /// What is wrong, by number.
  private(set) var problems: [Int64: String] = [:]
  /// Heads that end in this range, in order, and whether their signature is good.
  var heads: [(head: JournalHead, isSigned: Bool)] = []
  /// What records of this range say of rows that are compared with them, in order.
  var acts: [RegisterAct] = []
  /// Payments of this range that had no outcome.
  var started: [Int64] = []

  init(_ range: ClosedRange<Int64>) {
    self.range = range
    records = Array(repeating: nil, count: range.count)
  }

  mutating func add(_ leaf: JournalLeaf) {
    guard range.contains(leaf.number) else {
      outside.append(leaf)
      return
    }
    let place = Int(leaf.number - range.lowerBound)
    if records[place] != nil {
      problems[leaf.number] = JournalProblem.twice
    } else if !leaf.isUnaltered {
      problems[leaf.number] = JournalProblem.altered
    }
    records[place] = (leaf.digest, leaf.time)
  }
}

/// Reads pages on a connection of its own. Several of them keep several cores busy.
actor PageReader {
  private let database: Database
  private let tables: [(table: JournalTable, statement: Statement)]
  private let heads: Statement
  private let outcomes: JournalOutcomes
  private let key: PublicKey

  init(path: String, key: PublicKey) throws(StoreError) {
    database = try Database(path: path, flags: SQLITE_OPEN_READONLY)
    try Schema.check(database)
    var tables: [(table: JournalTable, statement: Statement)] = []
    for table in JournalTable.allCases {
      // Outcomes are read with their payments: by the time a number is reached, all that could have it have been read.
      let number = table == .outcome ? "payment" : "seq"
      tables.append((table, try database.prepare("\(table.select) WHERE \(number) BETWEEN ?1 AND ?2")))
    }
    self.tables = tables
    heads = try database.prepare("\(JournalHead.columns) WHERE last BETWEEN ?1 AND ?2 ORDER BY last")
    outcomes = try JournalOutcomes(database)
    self.key = key
  }

  func page(_ range: ClosedRange<Int64>) throws(StoreError) -> VerifiedPage {
    var (page, heads) = try read(range)
    page.heads = heads.map { ($0, $0.isSigned(by: key)) }
    return page
  }

  /// One read transaction.
  private func read(_ range: ClosedRange<Int64>) throws(StoreError) -> (VerifiedPage, [JournalHead]) {
    var page = VerifiedPage(range)
    var isStarted = Array(repeating: false, count: range.count)
    try database.execute("BEGIN")
    defer { try? database.execute("ROLLBACK") }
    for (table, statement) in tables {
      statement.bind(1, range.lowerBound)
      statement.bind(2, range.upperBound)
      while try statement.step() {
        page.add(table.leaf(statement))
        if table == .event, let act = RegisterAct(row: statement), try !isOver(act) { page.acts.append(act) }
        switch table {
        case .payment: isStarted[Int(statement.int(0) - range.lowerBound)] = true
        case .outcome: isStarted[Int(statement.int(1) - range.lowerBound)] = false
        case .event: break
        }
      }
    }
    page.started = isStarted.indices.filter { isStarted[$0] }.map { range.lowerBound + Int64($0) }
    heads.bind(1, range.lowerBound)
    heads.bind(2, range.upperBound)
    return (page, try heads.all(JournalHead.init(row:)))
  }

  /// Whether the outcome of the payment came behind a record of its way.
  private func isOver(_ act: RegisterAct) throws(StoreError) -> Bool {
    guard act.kind == .paymentState, let payment = act.payment else { return false }
    return try outcomes.settles(payment, after: act.record)
  }
}
