import Bytes
import Payments

/// What became of refunds and voids, after what OPERATION records say.
struct OperationReplay: Sendable, Equatable {
  struct Recorded: Sendable, Equatable {
    var payment: Int64?
    /// Of its request, milliseconds since 1970-01-01T00:00:00Z.
    var time: Int64
    /// Subject and serial number of the administrator's certificate.
    var requestedBy: String
    var confirmation: (record: Int64, by: String)?
    var state: OperationState
    /// When it came into its state, milliseconds since 1970-01-01T00:00:00Z.
    var since: Int64
    /// The last record.
    var record: Int64
    var text: String

    static func == (one: Recorded, other: Recorded) -> Bool {
      one.record == other.record && one.text == other.text
    }
  }

  /// By the number of the request's record, which is the operation's.
  private var operations: [Int64: Recorded] = [:]
  private var unreadable: [RegisterAct] = []

  mutating func take(_ act: RegisterAct) {
    if !add(act) { unreadable.append(act) }
  }

  /// - Returns: false where the text is none that this program writes, or of an operation that nobody asked for.
  private mutating func add(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let kind = text.upTo(" "), OperationKind.allCases.contains(where: { $0.name == kind }) else { return false }
    let number = text.number()
    guard number == nil || text.skip(" "), let name = text.upTo(" "),
      let state = OperationState.allCases.first(where: { $0.name == name }), text.number() != nil
    else { return false }
    guard let number else {
      guard state == .requested, text.skip(", by ") else { return false }
      operations[act.record] = Recorded(
        payment: act.payment, time: act.time, requestedBy: String(text.rest), state: state, since: act.time,
        record: act.record, text: act.text)
      return true
    }
    guard var known = operations[number], known.payment == act.payment else { return false }
    if state != known.state { (known.state, known.since) = (state, act.time) }
    if state == .confirmed, text.skip(", by ") { known.confirmation = (act.record, String(text.rest)) }
    (known.record, known.text) = (act.record, act.text)
    operations[number] = known
    return true
  }

  /// - Parameter rows: of the moment up to which records were taken.
  func problems(
    beside rows: [RegisterContents.Operation], _ administrators: RecordedAdministrators
  ) -> [RegisterProblem] {
    unreadable.map(RegisterProblem.unreadable)
      + RegisterProblem.differences(
        in: "operation", rows, number: \.row.id, beside: operations,
        text: { "\($0.text) (record \($0.record))" }, contradictions: { $1.contradictions($0, administrators) })
  }
}

extension OperationReplay.Recorded {
  /// What a row says otherwise.
  fileprivate func contradictions(
    _ found: RegisterContents.Operation, _ administrators: RecordedAdministrators
  ) -> [(journal: String, register: String)] {
    let row = found.row
    var told: [(journal: String, register: String)] = []
    if found.unknown != nil || !isLast(row) {
      told.append(("\(text) (record \(record))", found.unknown ?? EventRow.operation(row, time: 0, "").text))
    }
    if payment != row.payment {
      told.append(("of payment \(payment ?? 0) (record \(row.id))", "of payment \(row.payment)"))
    }
    if time != row.time {
      told.append(
        ("asked for at \(TimeText.instant(time)) (record \(row.id))", "asked for at \(TimeText.instant(row.time))"))
    }
    if since != row.since {
      told.append(
        ("\(state.name) since \(TimeText.instant(since)) (record \(record))", "since \(TimeText.instant(row.since))"))
    }
    if !administrators.isNamed(requestedBy, row.requestedBy) {
      told.append(("asked for by \(requestedBy) (record \(row.id))", "by administrator \(row.requestedBy)"))
    }
    let isConfirmation = confirmation.map { confirmation in
      row.confirmedBy.map { administrators.isNamed(confirmation.by, $0) } ?? false
    }
    if !(isConfirmation ?? (row.confirmedBy == nil)) {
      told.append(
        (
          confirmation.map { "confirmed by \($0.by) (record \($0.record))" } ?? "not confirmed",
          row.confirmedBy.map { "confirmed by administrator \($0)" } ?? "not confirmed"
        ))
    }
    return told
  }

  /// Whether the last record is what the writing of the row says, and by whom.
  private func isLast(_ row: OperationRow) -> Bool {
    var written = row
    // It has its number from the record of its request, which does not tell it.
    if record == row.id { written.id = 0 }
    var rest = ActText(text)
    guard rest.skip(EventRow.operation(written, time: 0, "").text) else { return false }
    return rest.rest.isEmpty || [", by ", ", found out by ", ", the ledger was restored"].contains { rest.skip($0) }
  }
}
