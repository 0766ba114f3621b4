import Synchronization

/// What operators were told of through the log: each once in the life of the process, and again where it came back.
final class ToldOnce<Key: Hashable & Sendable>: Sendable {
  /// Told singly in one round; the rest is a number, so that an outage does not fill the log.
  private static var linesOfRound: Int { 20 }

  private let told = Mutex<Set<Key>>([])

  /// - Parameters:
  ///   - due: all that operators must know of now.
  ///   - key: tells two of them apart.
  /// - Returns: those that were not due in the last round, as far as they are told singly, and how many more there are.
  func new<Item>(_ due: [Item], key: (Item) -> Key) -> (items: ArraySlice<Item>, more: Int) {
    let before = told.withLock { told in
      defer { told = Set(due.map(key)) }
      return told
    }
    let new = due.filter { !before.contains(key($0)) }
    return (new.prefix(Self.linesOfRound), max(0, new.count - Self.linesOfRound))
  }
}
