import Payments

extension SQLiteReader {
  /// Numbers that one question reads through at once: some tens of milliseconds, so that no read transaction keeps the
  /// WAL from being copied for long.
  static var windowSize: Int64 { 20_000 }

  /// The next numbers, above `number`, among which payments of these times may be; nil where there are none. Whole
  /// lookup runs of other times are left out. Clocks may have been set back, so the last of them is never sure.
  func window(after number: Int64, times: Range<Int64>, size: Int64 = windowSize) throws(StoreError) -> ClosedRange<
    Int64
  >? {
    let run = try database.prepare(
      "SELECT first, run FROM lookup_run WHERE run > ?1 AND to_time >= ?2 AND from_time < ?3 ORDER BY run LIMIT 1")
    run.bind(1, number)
    run.bind(2, times.lowerBound)
    run.bind(3, times.upperBound)
    let last: Int64
    let first: Int64
    if let found = try run.first({ (first: $0.int(0), last: $0.int(1)) }) {
      (first, last) = (max(found.first, number + 1), found.last)
    } else {
      first = max(try database.number("SELECT coalesce(max(run), 0) FROM lookup_run"), number) + 1
      last = try database.number("SELECT coalesce(max(seq), 0) FROM payment")
    }
    return first <= last ? first...min(last, first + size - 1) : nil
  }
}
