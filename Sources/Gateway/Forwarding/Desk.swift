import CountersignRPC

/// One terminal's connection, as the gateway knows it. Used on its event loop only.
final class Desk {
  let connection: ConnectionRef
  /// Numeric address of the terminal.
  let address: String
  var challenges = FetchedChallenges()
  /// A login of this terminal is being checked.
  var isCheckingLogin = false
  /// Tags of its calls at the service, by stream.
  var open: [UInt32: UInt64] = [:]
  /// Calls that wait for room at the service, oldest first.
  var waiting: [WaitingCall] = []

  init(connection: ConnectionRef, address: String) {
    self.connection = connection
    self.address = address
  }
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

  /// Terminals with waiting calls, the next to be served first.
  private var turns: [Desk] = []
  private var bytes = 0

  var isEmpty: Bool { turns.isEmpty }

  /// - Returns: false where there is no room.
  mutating func append(_ waiting: WaitingCall, of desk: Desk) -> Bool {
    guard bytes + waiting.request.count <= Self.mostBytes else { return false }
    bytes += waiting.request.count
    if desk.waiting.isEmpty { turns.append(desk) }
    desk.waiting.append(waiting)
    return true
  }

  /// The call whose turn it is.
  var next: (desk: Desk, waiting: WaitingCall)? {
    turns.first.flatMap { desk in desk.waiting.first.map { (desk, $0) } }
  }

  /// Takes out what ``next`` told; the terminal's next call comes after those of the others.
  mutating func removeNext() {
    guard !turns.isEmpty else { return }
    let desk = turns.removeFirst()
    bytes -= desk.waiting.removeFirst().request.count
    if !desk.waiting.isEmpty { turns.append(desk) }
  }

  /// Takes calls of a terminal out.
  mutating func remove(of desk: Desk, where isMeant: (WaitingCall) -> Bool) -> [WaitingCall] {
    let removed = desk.waiting.filter(isMeant)
    guard !removed.isEmpty else { return [] }
    desk.waiting.removeAll(where: isMeant)
    bytes -= removed.reduce(0) { $0 + $1.request.count }
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
