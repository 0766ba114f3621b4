import CountersignRPC

/// Terminals of one address on one event loop: nobody gets more by making more connections. Used on its event loop only.
final class TerminalSource {
  /// Numeric.
  let address: String
  var connections = 0
  /// Calls at the service that it has not answered, of connections that are gone too.
  var calls = 0
  /// Bytes of requests that wait.
  var waitingBytes = 0

  init(address: String) { self.address = address }

  var isOver: Bool { connections == 0 && calls == 0 }
}

/// One terminal's connection, as the gateway knows it. Used on its event loop only.
final class Desk {
  let connection: ConnectionRef
  let source: TerminalSource
  var challenges = FetchedChallenges()
  /// A login of this terminal is being checked.
  var isCheckingLogin = false
  /// Tags of its calls at the service, by stream.
  var open: [UInt32: UInt64] = [:]
  /// Calls that wait for room at the service, oldest first.
  var waiting: [WaitingCall] = []

  init(connection: ConnectionRef, source: TerminalSource) {
    self.connection = connection
    self.source = source
  }

  /// Numeric address of the terminal.
  var address: String { source.address }
}

/// A call that waits for room at the service.
struct WaitingCall {
  let call: InLoopCall
  let method: ForwardedMethod
  let request: [UInt8]
}

/// Terminals whose calls wait, each served in turn: one call, then the next terminal.
struct WaitingDesks {
  /// Bytes of requests that may wait on one event loop.
  static let mostBytes = 32 << 20
  /// Bytes of them that may be of one source.
  static let mostBytesOfSource = mostBytes / 2

  /// Terminals with waiting calls, the next to be served first.
  private var turns: [Desk] = []
  private var bytes = 0

  var isEmpty: Bool { turns.isEmpty }

  /// - Returns: false where there is no room.
  mutating func append(_ waiting: WaitingCall, of desk: Desk) -> Bool {
    let count = waiting.request.count
    guard bytes + count <= Self.mostBytes, desk.source.waitingBytes + count <= Self.mostBytesOfSource else {
      return false
    }
    bytes += count
    desk.source.waitingBytes += count
    if desk.waiting.isEmpty { turns.append(desk) }
    desk.waiting.append(waiting)
    return true
  }

  /// The call whose turn it is, of a terminal that may send one.
  func next(where maySend: (Desk) -> Bool) -> (desk: Desk, waiting: WaitingCall)? {
    turns.first(where: maySend).flatMap { desk in desk.waiting.first.map { (desk, $0) } }
  }

  /// Takes out what ``next(where:)`` told; the terminal's next call comes after those of the others.
  mutating func removeNext(of desk: Desk) {
    guard let place = turns.firstIndex(where: { $0 === desk }) else { return }
    turns.remove(at: place)
    let count = desk.waiting.removeFirst().request.count
    bytes -= count
    desk.source.waitingBytes -= count
    if !desk.waiting.isEmpty { turns.append(desk) }
  }

  /// Takes calls of a terminal out.
  mutating func remove(of desk: Desk, where isMeant: (WaitingCall) -> Bool) -> [WaitingCall] {
    let removed = desk.waiting.filter(isMeant)
    guard !removed.isEmpty else { return [] }
    desk.waiting.removeAll(where: isMeant)
    let count = removed.reduce(0) { $0 + $1.request.count }
    bytes -= count
    desk.source.waitingBytes -= count
    if desk.waiting.isEmpty { turns.removeAll { $0 === desk } }
    return removed
  }

  /// Takes everything out that `isMeant` names.
  mutating func removeAll(where isMeant: (WaitingCall) -> Bool) -> [WaitingCall] {
    var removed: [WaitingCall] = []
    for desk in turns { removed += remove(of: desk, where: isMeant) }
    return removed
  }
}
