import Bytes
import Payments

/// One record of the journal, read from the bytes that its leaf is hashed over.
///
/// ```
/// ASCII domain | 0x00 | u64 number | fields
/// ```
/// Source: docs/audit.md, "Leaves".
public struct JournalRecord: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case payment(PaymentFields)
    case outcome(OutcomeFields)
    case event(EventFields)
  }

  /// What was ordered, by whom.
  public struct PaymentFields: Sendable, Equatable {
    public var key: [UInt8]
    public var company: Int64
    public var consultant: Int64
    public var session: [UInt8]
    public var sequence: UInt64
    /// Milliseconds since 1970-01-01T00:00:00Z, as in all records.
    public var time: Int64
    /// Minor units.
    public var amount: UInt64
    public var currency: String
    public var instalments: Int64
    public var reference: [UInt8]
    /// SHA-256 of the card's keyed fingerprint and expiry: neither can be told from it.
    public var card: [UInt8]
    public var firstSix: Int64
    public var lastFour: Int64
    public var cardLength: Int64
    /// What names the sale to the acquirer.
    public var original: [UInt8]?
  }

  public struct OutcomeFields: Sendable, Equatable {
    public var payment: Int64
    public var time: Int64
    public var state: Int64
    public var approval: UInt64
    public var response: UInt64
  }

  public struct EventFields: Sendable, Equatable {
    public var kind: [UInt8]
    public var payment: Int64?
    public var consultant: Int64?
    public var company: Int64?
    public var session: [UInt8]?
    public var time: Int64
    public var text: [UInt8]
  }

  public let number: Int64
  public let content: Content
  /// The bytes that it was read from.
  public let bytes: [UInt8]

  /// RFC 6962's leaf hash.
  public var leaf: Bytes32 { MerkleTree.leaf(bytes) }

  /// - Throws: ``AuditFailure`` where the bytes are no record, or have more behind it.
  public init(_ bytes: [UInt8]) throws(AuditFailure) {
    self.bytes = bytes
    guard let end = bytes.firstIndex(of: 0) else { throw AuditFailure("a record has no domain") }
    let domain = String(decoding: bytes[..<end], as: UTF8.self)
    var reader = ByteReader(Array(bytes[(end + 1)...]))
    number = try reader.number("number")
    switch domain {
    case "countersign/1 payment": content = .payment(try PaymentFields(from: &reader))
    case "countersign/1 outcome": content = .outcome(try OutcomeFields(from: &reader))
    case "countersign/1 event": content = .event(try EventFields(from: &reader))
    default: throw AuditFailure("a record's domain is none of those of docs/audit.md")
    }
    guard reader.isAtEnd else { throw AuditFailure("record \(number) has bytes behind its last field") }
  }
}

extension JournalRecord.PaymentFields {
  init(from reader: inout ByteReader) throws(AuditFailure) {
    key = try reader.sized("key")
    company = try reader.number("company")
    consultant = try reader.number("consultant")
    session = try reader.sized("session")
    sequence = try reader.integer("sequence", as: UInt64.self)
    time = try reader.number("time")
    amount = try reader.integer("amount", as: UInt64.self)
    currency = Currency(stored: UInt32(truncatingIfNeeded: try reader.number("currency"))).text
    instalments = try reader.number("instalments")
    reference = try reader.sized("reference")
    card = try reader.sized("card")
    firstSix = try reader.number("first6")
    lastFour = try reader.number("last4")
    cardLength = try reader.number("card_length")
    original = reader.isAtEnd ? nil : try reader.sized("original")
  }

  /// For example "411111******1111".
  public var maskedCard: String {
    func padded(_ number: Int64, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let hidden = min(max(0, Int(clamping: cardLength) - 10), 9)
    return padded(firstSix, 6) + String(repeating: "*", count: hidden) + padded(lastFour, 4)
  }
}

extension JournalRecord.OutcomeFields {
  init(from reader: inout ByteReader) throws(AuditFailure) {
    payment = try reader.number("payment")
    time = try reader.number("time")
    state = try reader.number("state")
    approval = try reader.integer("approval", as: UInt64.self)
    response = try reader.integer("response", as: UInt64.self)
  }

  /// For example "APPROVED".
  public var stateName: String { UInt8(exactly: state).flatMap(PaymentState.init)?.name ?? "\(state)" }
  public var approvalText: String { approvalCode.text }
  public var responseText: String { responseCode.text }
  /// Both codes for people; empty where there is none.
  public var codesText: String { ApprovalCode.text(approvalCode, responseCode) }

  private var approvalCode: ApprovalCode { ApprovalCode(value: approval) }
  private var responseCode: ResponseCode { ResponseCode(value: UInt32(truncatingIfNeeded: response)) }
}

extension JournalRecord.EventFields {
  init(from reader: inout ByteReader) throws(AuditFailure) {
    kind = try reader.sized("kind")
    payment = try reader.optionalNumber("payment")
    consultant = try reader.optionalNumber("consultant")
    company = try reader.optionalNumber("company")
    session = try reader.optional("session")
    time = try reader.number("time")
    text = try reader.sized("body")
  }
}
