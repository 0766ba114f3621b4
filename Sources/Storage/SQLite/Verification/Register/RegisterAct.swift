import Payments

/// A record of the journal that says what became of rows that are compared with it: of the register, or of what is open.
struct RegisterAct: Sendable, Equatable {
  var record: Int64
  var kind: EventKind
  var payment: Int64?
  var consultant: Int64?
  var company: Int64?
  /// Milliseconds since 1970-01-01T00:00:00Z.
  var time: Int64
  var text: String

  /// Kinds of such records, and their bytes as the table has them.
  private static let kinds: [(name: [UInt8], kind: EventKind)] = [
    EventKind.companyAdded, .consultantAdded, .gatewayAdded, .gatewayEnrolled, .enrolled, .renewed,
    .certificateRegistered, .administratorRegistered, .administratorAdded, .rolesSet, .revoked,
    .operation, .paymentState, .epochBegun, .reconciled, .epochConfirmed, .keyAct,
  ].map { (Array($0.rawValue.utf8), $0) }

  /// Reads a row of ``JournalTable/event``; nil where it is of another kind, which nearly all are.
  init?(row: Statement) {
    let name = row.buffer(1)
    guard let kind = Self.kinds.first(where: { $0.name.count == name.count && name.elementsEqual($0.name) })?.kind
    else { return nil }
    (record, self.kind, payment) = (row.int(0), kind, row.optionalInt(2))
    (consultant, company) = (row.optionalInt(3), row.optionalInt(4))
    (time, text) = (row.int(6), row.text(7))
  }
}

/// Takes the text of a record apart, from its begin on.
struct ActText {
  private(set) var rest: Substring

  init(_ text: String) { rest = text[...] }

  /// Goes behind `words` where they come next.
  mutating func skip(_ words: String) -> Bool {
    guard rest.utf8.starts(with: words.utf8) else { return false }
    rest = rest[rest.utf8.index(rest.startIndex, offsetBy: words.utf8.count)...]
    return true
  }

  /// Goes behind the next `words`; nil where they do not come, else what stands before them.
  mutating func upTo(_ words: String) -> String? {
    guard let found = rest.firstRange(of: words) else { return nil }
    defer { rest = rest[found.upperBound...] }
    return String(rest[..<found.lowerBound])
  }

  /// What stands before the next comma, or all.
  mutating func words() -> String {
    let words = rest.prefix { $0 != "," }
    rest = rest[words.endIndex...]
    return String(words)
  }

  /// What stands behind the last `words`.
  mutating func behindLast(_ words: String) -> Bool {
    guard let found = rest.ranges(of: words).last else { return false }
    rest = rest[found.upperBound...]
    return true
  }

  /// A registered name; nil where it has no end.
  mutating func name() -> String? { RecordedName.take(from: &rest) }

  /// Hexadecimal digits up to the first character that is none.
  mutating func hex() -> String? {
    let digits = rest.prefix { $0.isHexDigit }
    rest = rest[digits.endIndex...]
    return digits.isEmpty ? nil : String(digits)
  }

  mutating func number() -> Int64? {
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    rest = rest[digits.endIndex...]
    return Int64(digits)
  }
}
