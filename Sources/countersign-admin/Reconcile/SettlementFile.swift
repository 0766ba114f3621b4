import Bytes
import ProgramSupport

/// A line of an acquirer's settlement file: something that the acquirer says it did.
struct SettlementLine: Sendable, Equatable {
  /// What was done: raw values are those of the column `kind`.
  enum Kind: String, Sendable, CaseIterable {
    /// A card was charged.
    case sale
    /// Money was given back to a card.
    case refund
    /// A sale was taken back whole before the cut-off.
    case void
  }

  /// Line of the file, from 1.
  var line: Int
  var kind = Kind.sale
  /// Number of the payment in this service's ledger, where the acquirer repeats it.
  var payment: UInt64?
  /// DE41 and DE11: of the sale, or of the refund itself.
  var terminal: String?
  var stan: UInt32?
  /// DE37: of the sale, or of the refund itself.
  var retrievalReference: String?
  var approvalCode: String?
  /// Minor units.
  var amount: UInt64
  /// ISO 4217 code.
  var currency: String
}

/// Reads a settlement file: CSV (RFC 4180) with a header. Columns: docs/operations.md, "Reconcile".
enum SettlementFile {
  private static let known: Set<String> = [
    "kind", "payment", "terminal", "stan", "retrieval_reference", "approval_code", "amount", "currency",
  ]

  /// - Throws: ``ProgramError`` that names file, line and column.
  static func read(_ bytes: [UInt8], path: String) throws -> [SettlementLine] {
    let records: [CSV.Record]
    do {
      records = try CSV.read(bytes)
    } catch {
      throw ProgramError(.input, "\(path), line \(error.line): \(error.description)")
    }
    guard let header = records.first else { throw ProgramError(.input, "\(path): has no header line") }
    for name in ["amount", "currency"] where !header.fields.contains(name) {
      throw ProgramError(.input, "\(path): has no column \(name)")
    }
    let names = Set(header.fields)
    guard names.count == header.fields.count else { throw ProgramError(.input, "\(path): has a column twice") }
    guard
      names.contains("payment") || names.contains("retrieval_reference") || names.isSuperset(of: ["terminal", "stan"])
    else {
      throw ProgramError(
        .input, "\(path): needs the column payment, or retrieval_reference, or terminal and stan, to name payments")
    }
    return try records.dropFirst().map { record in
      guard record.fields.count == header.fields.count else {
        throw ProgramError(
          .input, "\(path), line \(record.line): has \(record.fields.count) fields, the header \(header.fields.count)")
      }
      let values = zip(header.fields, record.fields).filter { known.contains($0.0) && !$0.1.isEmpty }
      return try line(Dictionary(uniqueKeysWithValues: values), record.line, path)
    }
  }

  private static func line(_ values: [String: String], _ number: Int, _ path: String) throws -> SettlementLine {
    func wrong(_ column: String, _ must: String) -> ProgramError {
      ProgramError(.input, "\(path), line \(number), \(column): \(must)")
    }
    let kind = try values["kind"].map { text in
      guard let kind = SettlementLine.Kind(rawValue: text) else { throw wrong("kind", "must be sale, refund or void") }
      return kind
    }
    guard let amount = values["amount"].flatMap({ UInt64(digits: $0) }) else {
      throw wrong("amount", "must be a number of minor units")
    }
    guard let currency = values["currency"], currency.utf8.count == 3 else {
      throw wrong("currency", "must be an ISO 4217 code of three letters")
    }
    let payment = try values["payment"].map { text in
      guard let number = UInt64(digits: text) else { throw wrong("payment", "must be a number") }
      return number
    }
    let stan = try values["stan"].map { text in
      guard let stan = UInt32(digits: text), (1...999_999).contains(stan) else {
        throw wrong("stan", "must be 1 to 999999")
      }
      return stan
    }
    let isNamed =
      payment != nil || values["retrieval_reference"] != nil || (stan != nil && values["terminal"] != nil)
    guard isNamed else { throw wrong("payment", "nothing names the payment of this line") }
    return SettlementLine(
      line: number, kind: kind ?? .sale, payment: payment, terminal: values["terminal"], stan: stan,
      retrievalReference: values["retrieval_reference"], approvalCode: values["approval_code"], amount: amount,
      currency: currency)
  }
}
