extension EventRow {
  /// The record of a step of a refund or void.
  ///
  /// - Parameter by: who did it, for example ", by CN=Lee"; empty where the service did.
  public static func operation(_ row: OperationRow, time: Int64, _ by: String) -> EventRow {
    var text = "\(row.kind.name) \(row.id == 0 ? "" : "\(row.id) ")\(row.state.name) \(row.amount)"
    if row.attempts > 1 { text += ", sent \(row.attempts) times" }
    if let original = row.original { text += ", \(original)" }
    if row.responseCode != .none { text += ", response \(row.responseCode.text)" }
    return EventRow(kind: .operation, payment: row.payment, time: time, text: text + by)
  }
}
