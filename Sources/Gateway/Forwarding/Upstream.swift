import CountersignRPC
import Logging
import NIOCore
import TLS

/// The lines of one event loop to the service: kept open, made again when they are lost, replaced on reload.
final class Upstream {
  private let configuration: ClientConfiguration
  private let eventLoop: any EventLoop
  /// Told whether a line is open.
  private let changed: (_ isOpen: Bool, _ reason: RPCStatus?) -> Void
  private weak var owner: (any UpstreamOwner)?
  private var tls: TLSContext
  /// As many as the configuration says, some of them not open yet.
  private var lines: [UpstreamLine] = []
  /// Lines with former certificates, used until a new one is open, and lines that finish their calls.
  private var former: [UpstreamLine] = []
  private var turn = 0
  private var failures = 0
  private var isStopping = false

  init(
    _ configuration: ClientConfiguration, tls: TLSContext, on eventLoop: any EventLoop, owner: any UpstreamOwner,
    changed: @escaping (_ isOpen: Bool, _ reason: RPCStatus?) -> Void
  ) {
    self.configuration = configuration
    self.tls = tls
    self.eventLoop = eventLoop
    self.owner = owner
    self.changed = changed
  }

  var isOpen: Bool { lines.contains { $0.isOpen } || former.contains { $0.isOpen } }

  /// Begins to connect.
  func start() {
    for _ in 0..<configuration.connections { addLine() }
  }

  /// New lines are made with these certificates; open ones serve until one of the new is open.
  func replace(_ tls: TLSContext) {
    self.tls = tls
    former += lines
    lines = []
    start()
  }

  /// Makes no more lines; those that are open serve on.
  func stop() { isStopping = true }

  /// Sends a call on the next line that takes it.
  func send(
    _ header: BatchConnection.Header, tag: UInt64, timeoutMicroseconds: UInt64, _ request: UnsafeRawBufferPointer
  ) -> (sent: BatchConnection.Sent, line: UpstreamLine?) {
    var result = BatchConnection.Sent.unavailable
    let usable = lines.contains { $0.isOpen } ? lines : former
    for offset in usable.indices {
      let line = usable[(turn + offset) % usable.count]
      switch line.send(header, tag: tag, timeoutMicroseconds: timeoutMicroseconds, request) {
      case .stream(let stream):
        turn += offset + 1
        return (.stream(stream), line)
      case .tooLarge(let limit): return (.tooLarge(limit: limit), nil)
      case .wait: result = .wait
      case .unavailable: break
      }
    }
    return (result, nil)
  }

  func flush() {
    for line in lines { line.flush() }
    for line in former { line.flush() }
  }

  private func addLine() {
    guard !isStopping, lines.count < configuration.connections, let owner else { return }
    let line = UpstreamLine(owner: owner)
    lines.append(line)
    line.connect(configuration, tls: tls, on: eventLoop)
  }
}

// MARK: - What lines tell

extension Upstream {
  func opened(_ line: UpstreamLine) {
    for old in former { old.retire() }
    // Those that finish their calls hold themselves.
    former.removeAll()
    changed(true, nil)
  }

  /// An answer has come: the service is well.
  func answered() { failures = 0 }

  /// A line takes no more calls or is over. Another is made after a while.
  func lost(_ line: UpstreamLine, _ reason: RPCStatus) {
    former.removeAll { $0 === line && !$0.isOpen }
    let index = lines.firstIndex { $0 === line }
    if let index { lines.remove(at: index) }
    guard !isStopping else { return }
    changed(isOpen, reason)
    guard index != nil else { return }
    failures += 1
    let delay = configuration.backoff.delay(failures: failures, random: .random(in: 0...1))
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: delay))) { bound.value.addLine() }
  }
}
