import Messages

/// Compares what the acquirer says it charged with what the ledger says. Pure.
struct Reconciliation {
  /// Something that does not agree.
  struct Difference: Equatable {
    enum Kind: String, Equatable {
      /// The file has a sale that the ledger does not have in this time.
      case onlyInFile = "ONLY_IN_FILE"
      /// The ledger has a charge that the file does not have.
      case onlyInLedger = "ONLY_IN_LEDGER"
      /// Both have it, with another amount or currency.
      case amount = "AMOUNT"
      /// The file says charged; the ledger says that it was not, or does not know yet.
      case state = "STATE"
      /// The file has a sale twice.
      case twice = "TWICE"
    }
    var kind: Kind
    /// Line of the file, from 1; nil: not in the file.
    var line: Int?
    /// Number of the payment; nil: not in the ledger.
    var payment: UInt64?
    var text: String
  }

  /// Payments by each name that a line may give them. Trace numbers come again after a day, so a name may have several.
  private var byPayment: [UInt64: Int] = [:]
  private var byTrace: [String: [Int]] = [:]
  private var byReference: [String: [Int]] = [:]
  private let payments: [ListedPayment]

  /// - Parameter payments: all of the time that the file is about, whatever became of them.
  init(_ payments: [ListedPayment]) {
    self.payments = payments
    for (index, payment) in payments.enumerated() {
      byPayment[payment.payment?.payment ?? 0] = index
      if payment.stan > 0 { byTrace[Self.trace(payment.terminal, payment.stan), default: []].append(index) }
      if !payment.retrievalReference.isEmpty { byReference[payment.retrievalReference, default: []].append(index) }
    }
  }

  /// Differences both ways: lines first, in their order, then what is only in the ledger.
  func differences(_ lines: [SettlementLine]) -> [Difference] {
    var differences: [Difference] = []
    var firstLine: [Int: Int] = [:]
    for line in lines {
      guard let index = find(line, taken: firstLine) else {
        differences.append(
          Difference(
            kind: .onlyInFile, line: line.line, payment: nil,
            text: "\(line.amount) \(line.currency) is not in the ledger in this time"))
        continue
      }
      if let first = firstLine[index] {
        differences.append(
          Difference(kind: .twice, line: line.line, payment: number(index), text: "is on line \(first) already"))
        continue
      }
      firstLine[index] = line.line
      if let difference = compare(line, index) { differences.append(difference) }
    }
    for (index, payment) in payments.enumerated() where firstLine[index] == nil {
      let result = payment.payment ?? PaymentResult()
      guard Self.isCharged(result.state) else { continue }
      differences.append(
        Difference(
          kind: .onlyInLedger, line: nil, payment: result.payment,
          text: "\(result.amount) \(result.currency), \(result.state.text), is not in the file"))
    }
    return differences
  }

  /// Where a name fits several payments, one that no line had before, and of these the one with the same amount.
  private func find(_ line: SettlementLine, taken: [Int: Int]) -> Int? {
    if let payment = line.payment { return byPayment[payment] }
    var found: [Int] = []
    if let reference = line.retrievalReference { found = byReference[reference] ?? [] }
    if found.isEmpty, let terminal = line.terminal, let stan = line.stan {
      found = byTrace[Self.trace(terminal, stan)] ?? []
    }
    if let approval = line.approvalCode {
      let approved = found.filter { payments[$0].payment?.approvalCode == approval }
      if !approved.isEmpty { found = approved }
    }
    let free = found.filter { taken[$0] == nil }
    return free.first { payments[$0].payment?.amount == line.amount } ?? free.first ?? found.first
  }

  private func compare(_ line: SettlementLine, _ index: Int) -> Difference? {
    let result = payments[index].payment ?? PaymentResult()
    guard Self.mayBeCharged(result.state) else {
      return Difference(
        kind: .state, line: line.line, payment: result.payment,
        text: "charged according to the file, \(result.state.text) in the ledger")
    }
    guard result.amount == line.amount, result.currency == line.currency else {
      return Difference(
        kind: .amount, line: line.line, payment: result.payment,
        text: "\(line.amount) \(line.currency) in the file, \(result.amount) \(result.currency) in the ledger")
    }
    return nil
  }

  private func number(_ index: Int) -> UInt64? { payments[index].payment?.payment }

  /// Leading zeros and spaces around are the file's own.
  private static func trace(_ terminal: String, _ stan: UInt32) -> String {
    let trimmed = terminal.split(separator: " ").joined(separator: " ")
    return "\(trimmed) \(stan)"
  }

  /// A refund is a sale's own line no longer; the sale was charged all the same.
  private static func isCharged(_ state: PaymentState) -> Bool {
    [.approved, .refunding, .partlyRefunded, .refunded].contains(state)
  }

  /// A refused reversal may have left the card charged: people settle it, and the file tells how. A voided sale may
  /// stand in the file or not.
  private static func mayBeCharged(_ state: PaymentState) -> Bool {
    isCharged(state) || [.reversalRefused, .voiding, .voided].contains(state)
  }
}
