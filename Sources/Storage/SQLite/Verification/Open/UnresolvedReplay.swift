import Payments

/// Which payments are on their way, and how far, after what STATE records say.
///
/// A payment whose outcome is newer than its last record is over: nothing is kept of it, so that what is kept grows with
/// the open payments alone.
struct UnresolvedReplay: Sendable, Equatable {
  struct Recorded: Sendable, Equatable {
    var record: Int64
    var state: PaymentState
    /// Reversals that were sent.
    var attempts: Int64
  }

  private var payments: [Int64: Recorded] = [:]
  /// Payments without an outcome, whether they have records of their way or not.
  private var started: Set<Int64> = []
  private var unreadable: [RegisterAct] = []

  mutating func take(_ act: RegisterAct) {
    var text = ActText(act.text)
    let name = text.words()
    guard let payment = act.payment, let state = PaymentState.allCases.first(where: { $0.name == name }) else {
      unreadable.append(act)
      return
    }
    let attempts = text.skip(", reversal ") ? text.number() : 0
    let isOver = state.outcome != .pending
    payments[payment] = isOver ? nil : Recorded(record: act.record, state: state, attempts: attempts ?? 0)
  }

  /// Payments that had no outcome when they were read.
  mutating func take(started numbers: [Int64]) { started.formUnion(numbers) }

  /// Leaves out what is over by now.
  mutating func leaveOut(_ outcomes: JournalOutcomes) throws(StoreError) {
    for (payment, recorded) in payments where try outcomes.settles(payment, after: recorded.record) {
      payments[payment] = nil
    }
    for payment in started where try outcomes.settles(payment, after: payment) { started.remove(payment) }
  }

  /// - Parameter rows: of the moment up to which records were taken.
  func problems(beside rows: [RegisterContents.Unresolved]) -> [RegisterProblem] {
    var problems = unreadable.map(RegisterProblem.unreadable)
    var lost = payments
    for row in rows {
      let recorded = lost.removeValue(forKey: row.payment)
      guard recorded.map({ Int64($0.state.rawValue) != row.state || $0.attempts != row.attempts }) ?? true else {
        continue
      }
      problems.append(
        RegisterProblem(
          "unresolved", row.payment, journal: recorded?.text ?? "that it is not open", register: row.text))
    }
    for (payment, recorded) in lost.sorted(by: { $0.key < $1.key }) {
      problems.append(
        RegisterProblem("unresolved", payment, journal: recorded.text, register: "does not have it"))
    }
    return problems
  }

  /// Nothing below the mark is looked at when the service starts.
  ///
  /// - Parameter mark: the number up to which each payment has an outcome or is in `unresolved`.
  func problems(below mark: Int64) -> [RegisterProblem] {
    started.filter { $0 < mark && payments[$0] == nil }.sorted().map {
      RegisterProblem(
        "mark", 1, journal: "that payment \($0) has no outcome (record \($0))",
        register: "that all before \(mark) are over or unresolved")
    }
  }
}

extension UnresolvedReplay.Recorded {
  fileprivate var text: String { "\(state.name) after \(attempts) reversals (record \(record))" }
}

extension RegisterContents.Unresolved {
  fileprivate var text: String {
    let name = UInt8(exactly: state).flatMap { PaymentState(rawValue: $0) }?.name
    return "\(name ?? "state \(state), which is none,") after \(attempts) reversals"
  }
}

/// Finds outcomes by their payments.
final class JournalOutcomes {
  private let find: Statement

  init(_ database: Database) throws(StoreError) {
    find = try database.prepare("SELECT seq FROM outcome WHERE payment = ?1")
  }

  /// Whether the outcome of a payment came behind a record.
  func settles(_ payment: Int64, after record: Int64) throws(StoreError) -> Bool {
    find.bind(1, payment)
    return try find.first { $0.int(0) > record } ?? false
  }
}
