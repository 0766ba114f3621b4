import Dispatch
import Files
import Payments
import Synchronization

/// Gives each sale a terminal and a STAN that is not open there today.
///
/// Terminals take turns, so a STAN comes back at a terminal only after 999,999 others. Numbers are reserved in blocks in a
/// file: what a former process may have used is never given out again, even where the ledger is an older copy.
///
/// Source: docs/iso8583.md, "STAN".
final class STANPool: Sendable {
  struct Number: Sendable, Hashable {
    var terminal: Int
    var stan: UInt32
  }

  /// Highest STAN (ISO 8583 DE11, six digits).
  static let highest: UInt64 = 999_999
  /// Numbers reserved at once: at 20,000 sales a second one write in half a second.
  static let block: UInt64 = 10_000

  private struct State {
    /// The next number; terminal and STAN follow from it.
    var next: UInt64
    /// Reserved up to here, exclusively.
    var reserved: UInt64
    var isReserving = false
    /// Days, since 1970-01-01, of the sales that are open.
    var open: [Number: Int64] = [:]
    var day: Int64 = 0
  }

  private let path: String
  private let terminals: UInt64
  private let onFailure: @Sendable (any Error) -> Void
  private let state: Mutex<State>
  /// What the file says. Taken while `state` is held, never the other way round.
  private let written = Mutex<UInt64>(0)
  private let queue = DispatchQueue(label: "stan")

  /// - Parameters:
  ///   - path: the file; made where it is missing.
  ///   - onFailure: called where a block could not be reserved.
  /// - Throws: `FileError`, also where the file is not one of ours.
  init(path: String, terminals: Int, onFailure: @escaping @Sendable (any Error) -> Void) throws(FileError) {
    self.path = path
    self.terminals = UInt64(terminals)
    self.onFailure = onFailure
    let next = Files.exists(path) ? try Self.read(path, terminals: UInt64(terminals)) : 0
    state = Mutex(State(next: next, reserved: next))
    try reserve(upTo: next + Self.block)
  }

  /// The next free number; nil where none is free or none can be reserved.
  ///
  /// - Parameters:
  ///   - day: since 1970-01-01.
  ///   - terminal: the numbers of others are passed over; nil: any.
  func take(day: Int64, terminal: Int? = nil) -> Number? {
    state.withLock { state in
      if state.day != day { Self.forget(before: day - 1, &state) }
      state.day = day
      for _ in 0..<(terminals * Self.highest) {
        if state.next == state.reserved, !extend(&state) { return nil }
        let number = number(state.next)
        state.next += 1
        reserveAhead(&state)
        guard number.terminal == terminal ?? number.terminal else { continue }
        guard state.open[number] == day else {
          state.open[number] = day
          return number
        }
      }
      return nil
    }
  }

  /// A sale is over: its number may be used again.
  func release(_ number: Number) { state.withLock { $0.open[number] = nil } }

  /// A sale of a former process is open.
  func hold(_ number: Number, day: Int64) { state.withLock { $0.open[number] = day } }

  /// Waits for what is being written.
  func close() { queue.sync {} }

  private func number(_ position: UInt64) -> Number {
    Number(terminal: Int(position % terminals), stan: UInt32(position / terminals % Self.highest) + 1)
  }

  private static func forget(before day: Int64, _ state: inout State) {
    state.open = state.open.filter { $0.value >= day }
  }

  // MARK: - Blocks

  /// Reserves the next block in the background when half of the present one is used.
  private func reserveAhead(_ state: inout State) {
    guard !state.isReserving, state.reserved - state.next < Self.block / 2 else { return }
    state.isReserving = true
    let end = state.reserved + Self.block
    queue.async { [self] in
      do {
        try write(end)
        self.state.withLock { $0.reserved = max($0.reserved, end) }
      } catch {
        onFailure(error)
      }
      self.state.withLock { $0.isReserving = false }
    }
  }

  /// The background was too slow, or failed: the caller waits for the disk.
  private func extend(_ state: inout State) -> Bool {
    do {
      try write(state.reserved + Self.block)
      state.reserved += Self.block
      return true
    } catch {
      onFailure(error)
      return false
    }
  }

  private func reserve(upTo end: UInt64) throws(FileError) {
    try write(end)
    state.withLock { $0.reserved = end }
  }

  /// Writes what a later process begins with; it never goes back.
  private func write(_ next: UInt64) throws(FileError) {
    let bytes = Self.text(terminals: terminals, next: next)
    try written.withLock { written throws(FileError) in
      guard next > written else { return }
      try Files.write(bytes, to: path)
      written = next
    }
  }

  private static let mark = "countersign STANs"

  /// What the file holds.
  static func text(terminals: UInt64, next: UInt64) -> [UInt8] {
    Array("\(mark)\nterminals \(terminals)\nnext \(next)\n".utf8)
  }

  private static func read(_ path: String, terminals: UInt64) throws(FileError) -> UInt64 {
    let (former, next) = try read(path)
    // Where the number of terminals has changed, each goes on behind the highest STAN of any.
    return former == terminals ? next : (next / former + 1) * terminals
  }

  /// - Returns: number of terminals, and what a process begins with.
  static func read(_ path: String) throws(FileError) -> (terminals: UInt64, next: UInt64) {
    let lines = String(decoding: try Files.read(path, limit: 4_096), as: UTF8.self).split(separator: "\n")
    guard lines.count == 3, lines[0] == mark, let former = number(lines[1], "terminals"),
      (1...1 << 16).contains(former),
      let next = number(lines[2], "next"), next < 1 << 40
    else { throw FileError(path: path, doing: "use", cause: "it is no file of reserved STANs") }
    return (former, next)
  }

  private static func number(_ line: Substring, _ name: String) -> UInt64? {
    let words = line.split(separator: " ")
    return words.count == 2 && words[0] == name ? UInt64(words[1]) : nil
  }
}
