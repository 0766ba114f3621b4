import Audit
import Bytes
import Payments

/// Follows a journal from its first record on: numbers without gaps, trees, and the chain of heads.
struct JournalWalk {
  /// Number of the record that comes next.
  private(set) var next: Int64 = 1
  private(set) var lastHead: JournalHead?
  private(set) var headCount: Int64 = 0
  /// Outcomes that were read with their payments and whose numbers have not been reached.
  private var waiting: [Int64: JournalLeaf] = [:]
  private var tree = MerkleFrontier()

  /// The next page.
  ///
  /// - Throws: ``JournalProblem`` for the first record that is bad.
  mutating func take(_ page: VerifiedPage) throws(JournalProblem) {
    for leaf in page.outside { try wait(leaf) }
    var heads = page.heads[...]
    for number in page.range {
      let own = page.records[Int(number - page.range.lowerBound)]
      let outcome = waiting.isEmpty ? nil : waiting.removeValue(forKey: number)
      guard own == nil || outcome == nil else { throw JournalProblem(number, JournalProblem.twice) }
      if !page.problems.isEmpty, let problem = page.problems[number] { throw JournalProblem(number, problem) }
      let time = try add(own, outcome)
      if let found = heads.first, found.head.last == number {
        try check(found.head, isSigned: found.isSigned, time: time)
        heads = heads.dropFirst()
      }
    }
  }

  /// - Returns: the record's time.
  private mutating func add(
    _ own: (leaf: Bytes32, time: Int64)?, _ outcome: JournalLeaf?
  ) throws(JournalProblem) -> Int64 {
    guard let record = own ?? outcome.map({ ($0.digest, $0.time) }) else {
      throw JournalProblem(next, JournalProblem.missing)
    }
    guard outcome?.isUnaltered ?? true else { throw JournalProblem(next, JournalProblem.altered) }
    tree.append(record.leaf)
    next += 1
    return record.time
  }

  private mutating func wait(_ leaf: JournalLeaf) throws(JournalProblem) {
    guard leaf.number >= next else {
      throw JournalProblem(leaf.number, leaf.number < 1 ? "was added" : JournalProblem.twice)
    }
    guard waiting.updateValue(leaf, forKey: leaf.number) == nil else {
      throw JournalProblem(leaf.number, JournalProblem.twice)
    }
  }

  private mutating func check(_ head: JournalHead, isSigned: Bool, time: Int64) throws(JournalProblem) {
    let before = lastHead?.last ?? 0
    guard head.first == before + 1, head.previous == lastHead?.digest ?? .zero else {
      throw JournalProblem(
        head, "their head does not follow the one that ends at \(before): a head was altered, removed or added")
    }
    guard head.epoch.number >= lastHead?.epoch.number ?? 1 else {
      throw JournalProblem(head, "their head is of \(head.epoch), which is before that of the head before")
    }
    guard head.root == tree.root else {
      throw JournalProblem(head, "one of them, or their head, was altered together with what the rows keep")
    }
    guard head.time == time else {
      throw JournalProblem(head, "the time of their head was altered, or that of the last of them")
    }
    guard isSigned else { throw JournalProblem(head, "the signature of their head is not of this key") }
    lastHead = head
    headCount += 1
    tree = MerkleFrontier()
  }

  /// What is behind the last head, read in one transaction.
  ///
  /// - Returns: how many records no head is over.
  mutating func finish(_ tail: VerifiedTail) throws(JournalProblem) -> Int64 {
    var leaves = tail.leaves
    // Read before, with their payments: they may have been put where no list leads to.
    let known = Set(leaves.map(\.number))
    leaves += waiting.values.filter { !known.contains($0.number) }
    waiting = [:]
    var heads = tail.heads[...]
    for leaf in leaves.sorted(by: { $0.number < $1.number }) {
      guard leaf.number >= next else { throw JournalProblem(leaf.number, JournalProblem.twice) }
      guard leaf.number == next else { throw JournalProblem(next, JournalProblem.missing) }
      guard leaf.isUnaltered else { throw JournalProblem(next, JournalProblem.altered) }
      _ = try add((leaf.digest, leaf.time), nil)
      if let found = heads.first, found.head.last == leaf.number {
        try check(found.head, isSigned: found.isSigned, time: leaf.time)
        heads = heads.dropFirst()
      }
    }
    if let head = heads.first?.head { throw JournalProblem(max(next, head.first), JournalProblem.missing) }
    return Int64(tree.count)
  }
}

/// The records behind a head.
struct VerifiedTail: Sendable {
  var leaves: [JournalLeaf] = []
  var heads: [(head: JournalHead, isSigned: Bool)] = []
}
