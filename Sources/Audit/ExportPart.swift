/// One part of an export as it travels: records in order, and the heads that end among them.
public struct ExportPart: Sendable, Equatable {
  public let records: [JournalRecord]
  public let heads: [JournalHead]

  /// - Parameters:
  ///   - records: each behind its u32 big-endian length.
  ///   - heads: one behind the other.
  /// - Throws: ``AuditFailure`` where the bytes are something else.
  public init(records: [UInt8], heads: [UInt8]) throws(AuditFailure) {
    var reader = ByteReader(records)
    var found: [JournalRecord] = []
    while !reader.isAtEnd { found.append(try JournalRecord(try reader.sized("record"))) }
    self.records = found
    self.heads = try JournalHead.heads(in: heads)
  }
}
