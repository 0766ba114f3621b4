import Logging

/// Writes refusals of one event loop into the log: a few a second singly, the rest as a count, so that no terminal
/// fills the disk.
struct RefusalLog {
  private static let singlyPerSecond = 20

  private let logger: Logger
  /// Monotonic second of the counts.
  private var second: UInt64 = 0
  private var written = 0
  private var left = 0

  init(_ logger: Logger) { self.logger = logger }

  mutating func add(terminal address: String, _ reason: String, cause: String) {
    guard written < Self.singlyPerSecond else {
      left += 1
      return
    }
    written += 1
    logger.info(
      "call refused", metadata: ["terminal": "\(address)", "reason": "\(reason)", "cause": "\(cause)"])
  }

  /// - Parameter now: monotonic nanoseconds.
  mutating func tick(now: UInt64) {
    guard now / 1_000_000_000 != second else { return }
    second = now / 1_000_000_000
    if left > 0 { logger.info("more calls refused", metadata: ["count": "\(left)"]) }
    (written, left) = (0, 0)
  }
}
