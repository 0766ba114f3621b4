import Audit

/// The first thing in a journal that is not as it was written.
public struct JournalProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// The first record that is bad, or the first of those one of which is.
  public let record: Int64
  public let description: String

  init(_ record: Int64, _ description: String) {
    self.record = record
    self.description = "record \(record) \(description)"
  }

  /// Something about several records that cannot be told of one.
  init(_ head: JournalHead, _ description: String) {
    record = head.first
    self.description = "records \(head.first) to \(head.last): \(description)"
  }

  static let altered = "was altered"
  static let missing = "is missing"
  static let twice = "is there twice"
}
