import Messages

/// Compares what the acquirer says it did with what the ledger says. Pure.
struct Reconciliation {
  /// Something that does not agree.
  struct Difference: Equatable {
    enum Kind: String, Equatable {
      /// The file has something that the ledger does not have in this time.
      case onlyInFile = "ONLY_IN_FILE"
      /// The ledger has a charge or a refund that the file does not have.
      case onlyInLedger = "ONLY_IN_LEDGER"
      /// Both have it, with another amount or currency.
      case amount = "AMOUNT"
      /// The file says that it was done; the ledger says that it was not, or was taken back, or does not know yet.
      case state = "STATE"
      /// The file has it twice.
      case twice = "TWICE"
    }
    var kind: Kind
    /// What it is about.
    var of: SettlementLine.Kind
    /// Line of the file, from 1; nil: not in the file.
    var line: Int?
    /// Number of the payment; nil: not in the ledger.
    var payment: UInt64?
    /// Number of the refund or void; nil: of a sale, or not in the ledger.
    var operation: UInt64?
    var text: String
    /// Approval code of a sale that the file has as charged, or empty, where the ledger has it open with the same amount;
    /// nil: anything else.
    var chargedOpen: String?
  }

  private let entries: [LedgerEntry]
  private let names: [SettlementLine.Kind: EntryNames]

  /// How many sales, refunds and voids of the ledger are compared.
  var count: Int { entries.count }

  /// - Parameters:
  ///   - payments: all of the time that the file is about, whatever became of them.
  ///   - operations: all refunds and voids that may have been done in it.
  ///   - times: that time, milliseconds since 1970-01-01T00:00:00Z.
  init(_ payments: [ListedPayment], _ operations: [PaymentOperation] = [], of times: Range<UInt64> = 0 ..< .max) {
    entries = payments.map(LedgerEntry.init) + operations.map { LedgerEntry($0, of: times) }
    var names: [SettlementLine.Kind: EntryNames] = [:]
    for kind in SettlementLine.Kind.allCases { names[kind] = EntryNames(entries, of: kind) }
    self.names = names
  }

  /// Differences both ways: lines first, in their order, then what is only in the ledger.
  func differences(_ lines: [SettlementLine]) -> [Difference] {
    var differences: [Difference] = []
    var firstLine: [Int: Int] = [:]
    for line in lines {
      guard let index = find(line, taken: firstLine) else {
        differences.append(
          Difference(
            kind: .onlyInFile, of: line.kind, line: line.line,
            text: "\(line.kind.rawValue) of \(line.amount) \(line.currency) is not in the ledger in this time"))
        continue
      }
      if let first = firstLine[index] {
        differences.append(difference(.twice, line, index, "is on line \(first) already"))
        continue
      }
      firstLine[index] = line.line
      if let difference = compare(line, index) { differences.append(difference) }
    }
    if lines.contains(where: { $0.kind == .void }) { differences += chargedThoughVoided(firstLine) }
    for (index, entry) in entries.enumerated() where firstLine[index] == nil && entry.standing == .expected {
      differences.append(
        difference(.onlyInLedger, nil, index, "\(entry.amount) \(entry.currency), \(entry.state), is not in the file"))
    }
    return differences
  }

  /// Where a name fits several, one that no line had before, and of these the one with the same amount.
  private func find(_ line: SettlementLine, taken: [Int: Int]) -> Int? {
    var found = names[line.kind]?.find(line) ?? []
    if found.isEmpty, line.kind != .sale {
      // The line names what it gives back. A payment may have several refunds, so one that a line had is not meant.
      found = (names[line.kind]?.of(paymentsNamed(by: line)) ?? []).filter { line.kind == .void || taken[$0] == nil }
    }
    if let approval = line.approvalCode {
      let approved = found.filter { entries[$0].approvalCode == approval }
      if !approved.isEmpty { found = approved }
    }
    let free = found.filter { taken[$0] == nil }
    let same = free.filter { entries[$0].amount == line.amount }
    // One that was refused may have been asked for again; a refund of another amount that was never done is not meant.
    return same.first { entries[$0].standing != .absent } ?? same.first
      ?? free.first { line.kind != .refund || entries[$0].standing != .absent } ?? found.first { taken[$0] != nil }
  }

  private func paymentsNamed(by line: SettlementLine) -> [UInt64] {
    line.payment.map { [$0] } ?? (names[.sale]?.find(line) ?? []).map { entries[$0].payment }
  }

  private func compare(_ line: SettlementLine, _ index: Int) -> Difference? {
    let entry = entries[index]
    guard entry.standing != .absent else {
      let done = line.kind == .sale ? "charged" : "done"
      var found = difference(.state, line, index, "\(done) according to the file, \(entry.state) in the ledger")
      if entry.isOpen, entry.amount == line.amount, entry.currency == line.currency {
        found.chargedOpen = line.approvalCode ?? ""
      }
      return found
    }
    guard entry.amount == line.amount, entry.currency == line.currency else {
      return difference(
        .amount, line, index,
        "\(line.amount) \(line.currency) in the file, \(entry.amount) \(entry.currency) in the ledger")
    }
    return nil
  }

  /// Sales that the file has, whose void it lacks; of a file that has voids.
  private func chargedThoughVoided(_ firstLine: [Int: Int]) -> [Difference] {
    let voided = Set(firstLine.keys.filter { entries[$0].kind == .void }.map { entries[$0].payment })
    return firstLine.keys.sorted().compactMap { index in
      guard entries[index].isVoided, !voided.contains(entries[index].payment) else { return nil }
      var found = difference(.state, nil, index, "charged according to the file, VOIDED in the ledger")
      found.line = firstLine[index]
      return found
    }
  }

  private func difference(
    _ kind: Difference.Kind, _ line: SettlementLine?, _ index: Int, _ text: String
  ) -> Difference {
    let entry = entries[index]
    return Difference(
      kind: kind, of: entry.kind, line: line?.line, payment: entry.payment, operation: entry.operation, text: text)
  }
}

/// Entries of one kind by each name that a line may give them. Trace numbers come again after a day, and a payment may
/// have several refunds, so a name may have several.
private struct EntryNames {
  private var byPayment: [UInt64: [Int]] = [:]
  private var byTrace: [String: [Int]] = [:]
  private var byReference: [String: [Int]] = [:]

  init(_ entries: [LedgerEntry], of kind: SettlementLine.Kind) {
    for (index, entry) in entries.enumerated() where entry.kind == kind {
      byPayment[entry.payment, default: []].append(index)
      if entry.stan > 0 { byTrace[Self.trace(entry.terminal, entry.stan), default: []].append(index) }
      if !entry.retrievalReference.isEmpty { byReference[entry.retrievalReference, default: []].append(index) }
    }
  }

  func of(_ payments: [UInt64]) -> [Int] { payments.flatMap { byPayment[$0] ?? [] } }

  /// By the entry's own name: for a sale, the payment's number is one. Several terminals may have one reference, so a
  /// trace number that is there too must be of the same entry; a reference that the ledger never gave is the acquirer's
  /// own.
  func find(_ line: SettlementLine) -> [Int] {
    if line.kind == .sale, let payment = line.payment { return byPayment[payment] ?? [] }
    let named = line.retrievalReference.flatMap { byReference[$0] }
    guard let terminal = line.terminal, let stan = line.stan else { return named ?? [] }
    let traced = byTrace[Self.trace(terminal, stan)] ?? []
    return named.map { named in traced.filter(named.contains) } ?? traced
  }

  /// Leading zeros and spaces around are the file's own.
  private static func trace(_ terminal: String, _ stan: UInt32) -> String {
    let trimmed = terminal.split(separator: " ").joined(separator: " ")
    return "\(trimmed) \(stan)"
  }
}
