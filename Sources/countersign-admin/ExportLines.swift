import Audit
import Bytes
import ProgramSupport

/// Records and heads as lines of an export: one JSON object each, whose fields are those that the leaf is hashed over.
/// Source: docs/audit.md, "Exports".
enum ExportLines {
  static func begin(_ first: Int64, _ last: Int64, key: Bytes32, service: String) -> String {
    JSON.object([
      ("type", .text("countersign-export")), ("version", .number(1)), ("service", .text(service)),
      ("first", .number(first)), ("last", .number(last)), ("key", .text(Hex.encode(key.bytes))),
    ])
  }

  /// An export without this line was cut off.
  static func end(records: Int64, heads: Int64) -> String {
    JSON.object([("type", .text("end")), ("records", .number(records)), ("heads", .number(heads))])
  }

  static func head(_ head: JournalHead) -> String {
    JSON.object([
      ("type", .text("head")), ("first", .number(head.first)), ("last", .number(head.last)),
      ("time_ms", .number(head.time)), ("epoch", .number(head.epoch.number)),
      ("epoch_id", .text(Hex.encode(head.epoch.id.bytes))), ("previous", .text(Hex.encode(head.previous.bytes))),
      ("root", .text(Hex.encode(head.root.bytes))), ("signature", .text(Hex.encode(head.signature))),
    ])
  }

  static func record(_ record: JournalRecord) -> String {
    switch record.content {
    case .payment(let fields): payment(record.number, fields)
    case .outcome(let fields): outcome(record.number, fields)
    case .event(let fields): event(record.number, fields)
    }
  }

  private static func payment(_ number: Int64, _ fields: JournalRecord.PaymentFields) -> String {
    var line: [(String, JSON.Value)] = [
      ("type", .text("payment")), ("number", .number(number)), ("key", .text(Hex.encode(fields.key))),
      ("company", .number(fields.company)), ("consultant", .number(fields.consultant)),
      ("session", .text(Hex.encode(fields.session))), ("sequence", .number(Int64(clamping: fields.sequence))),
      ("time_ms", .number(fields.time)), ("amount", .number(Int64(clamping: fields.amount))),
      ("currency", .text(fields.currency)), ("instalments", .number(fields.instalments)),
      ("reference", .text(String(decoding: fields.reference, as: UTF8.self))),
      ("card", .text(Hex.encode(fields.card))), ("first6", .number(fields.firstSix)),
      ("last4", .number(fields.lastFour)), ("card_length", .number(fields.cardLength)),
    ]
    if let original = fields.original { line.append(("original", .text(Hex.encode(original)))) }
    return JSON.object(line)
  }

  private static func outcome(_ number: Int64, _ fields: JournalRecord.OutcomeFields) -> String {
    JSON.object([
      ("type", .text("outcome")), ("number", .number(number)), ("payment", .number(fields.payment)),
      ("time_ms", .number(fields.time)), ("state", .number(fields.state)), ("state_name", .text(fields.stateName)),
      ("approval", .text(fields.approvalText)), ("response", .text(fields.responseText)),
    ])
  }

  private static func event(_ number: Int64, _ fields: JournalRecord.EventFields) -> String {
    var line: [(String, JSON.Value)] = [
      ("type", .text("event")), ("number", .number(number)),
      ("kind", .text(String(decoding: fields.kind, as: UTF8.self))),
    ]
    for (name, value) in [
      ("payment", fields.payment), ("consultant", fields.consultant), ("company", fields.company),
    ] {
      if let value { line.append((name, .number(value))) }
    }
    if let session = fields.session { line.append(("session", .text(Hex.encode(session)))) }
    line.append(("time_ms", .number(fields.time)))
    line.append(("text", .text(String(decoding: fields.text, as: UTF8.self))))
    return JSON.object(line)
  }
}
