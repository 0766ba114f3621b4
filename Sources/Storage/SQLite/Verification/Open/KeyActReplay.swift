import Bytes
import Payments

/// Acts on the vault's keys after KEY_ACT records.
struct KeyActReplay {
  private var requests: [Int64: RegisterAct] = [:]
  private var confirmations: [Int64: (record: Int64, by: String)] = [:]
  private var unreadable: [RegisterAct] = []

  /// - Parameter acts: in order of their records.
  init(_ acts: [RegisterAct]) {
    for act in acts where act.kind == .keyAct && !take(act) { unreadable.append(act) }
  }

  /// - Returns: false where the text is none that this program writes.
  private mutating func take(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard [KeyActKind.rewrap, .rotate].contains(where: { text.skip("\($0.name) ") }) else { return false }
    guard let id = text.number() else {
      guard text.skip("asked for, by ") || text.skip("to ") else { return false }
      requests[act.record] = act
      return true
    }
    guard text.skip(" confirmed, by "), requests[id] != nil else { return false }
    confirmations[id] = (act.record, String(text.rest))
    return true
  }

  /// - Parameter rows: of the moment up to which records were taken.
  func problems(
    beside rows: [RegisterContents.KeyAct], _ administrators: RecordedAdministrators
  ) -> [RegisterProblem] {
    unreadable.map(RegisterProblem.unreadable)
      + RegisterProblem.differences(
        in: "key_act", rows, number: \.row.id, beside: requests, text: { "\($0.text) (record \($0.record))" },
        contradictions: { contradictions($0, $1, administrators) })
  }

  private func contradictions(
    _ found: RegisterContents.KeyAct, _ request: RegisterAct, _ administrators: RecordedAdministrators
  ) -> [(journal: String, register: String)] {
    let row = found.row
    var told: [(journal: String, register: String)] = []
    var text = ActText(request.text)
    if found.kind != row.kind.rawValue || !text.skip("\(row.requestText), by ")
      || !administrators.isNamed(String(text.rest), row.requestedBy)
    {
      told.append(
        (
          "\(request.text) (record \(request.record))",
          "\(row.requestText) (kind \(found.kind)), by administrator \(row.requestedBy)"
        ))
    }
    if request.time != row.time {
      told.append(
        (
          "asked for at \(TimeText.instant(request.time)) (record \(request.record))",
          "asked for at \(TimeText.instant(row.time))"
        ))
    }
    let confirmation = confirmations[row.id]
    if confirmation.map({ !administrators.isNamed($0.by, row.confirmedBy ?? 0) })
      ?? (row.confirmedBy != nil || row.result != nil)
    {
      told.append(
        (
          confirmation.map { "confirmed by \($0.by) (record \($0.record))" } ?? "not confirmed",
          (row.confirmedBy.map { "confirmed by administrator \($0)" } ?? "not confirmed")
            + (row.result == nil ? "" : " and done")
        ))
    }
    return told
  }
}
