import Wire

/// A client's side of one connection: frames and time go in, what to do comes out. No I/O, no clock.
///
/// `opening` → `open` with the server's HELLO → `leaving` with GOAWAY → `closed`.
struct ClientConnectionMachine {
  /// What to do about a frame.
  enum Received: Equatable {
    /// Decode the meta and call `receivedHello`.
    case hello
    /// Finish the call of this stream; where there is none, call `unmatchedResponse`.
    case response
    /// Decode the meta and call `receivedGoAway`.
    case goAway
    /// Send the 8 bytes back with ACK.
    case answerPing
    /// Nothing.
    case ignore
    /// Close.
    case violation(ProtocolViolation)
  }

  /// Whether a call may be sent now.
  enum Opened: Equatable {
    /// Send it on this stream.
    case stream(UInt32)
    /// Later, when a call has ended or the HELLO has come.
    case wait
    /// The server takes no frame of this size.
    case tooLarge(limit: UInt32)
    /// Not on this connection.
    case unavailable
  }

  /// What to do when time has passed.
  enum Tick: Equatable {
    case none
    case sendPing
    /// Close; the server broke a time limit or is gone.
    case close(CloseReason)
  }

  private enum Phase: Equatable {
    case opening(since: UInt64)
    case open
    case leaving
    case closed
  }

  private let limits: ConnectionConfiguration
  /// Silence after which a connection with open calls is asked for a sign of life, nanoseconds.
  private let keepAlive: UInt64
  private var phase: Phase
  private var timers: ConnectionTimers
  private var pings: PingBudget
  private var pingSentAt: UInt64?
  /// Odd. Every smaller odd number was opened.
  private(set) var nextStream: UInt32
  /// Opened and not answered, given up ones included. At most `maxOpenCalls`.
  private(set) var openCalls: UInt32 = 0
  /// Frame bytes sent so far; counted until the server's HELLO.
  private var bytesBeforeHello = 0
  private var maxOpenCalls = ConnectionLimits.maxOpenCallsBeforeHello
  private var serverMaxLength = FrameLimits.smallestMaxLength
  private var serverPingInterval: UInt64 = 0
  private var lastGoAway: UInt32 = .max

  /// Starts when the TLS handshake is complete.
  ///
  /// - Parameter firstStream: odd; tests begin near the last one.
  init(limits: ConnectionConfiguration, keepAlive: UInt64, firstStream: UInt32 = 1, now: UInt64) {
    nextStream = firstStream
    self.limits = limits
    self.keepAlive = keepAlive
    phase = .opening(since: now)
    timers = ConnectionTimers(now: now)
    pings = PingBudget(now: now)
  }

  /// Whether new calls may come at all.
  var isUsable: Bool { phase == .open || isOpening }
  private var isOpening: Bool {
    if case .opening = phase { return true }
    return false
  }
  /// A connection that takes no calls and has none open is to be closed.
  var isFinished: Bool { phase == .leaving && openCalls == 0 }
}

// MARK: - Calls

extension ClientConnectionMachine {
  /// Takes the next stream for a frame with this `length`.
  mutating func open(length: Int) -> Opened {
    guard isUsable else { return .unavailable }
    let maxLength = isOpening ? FrameLimits.largestMaxLength : serverMaxLength
    guard length <= Int(maxLength) else { return .tooLarge(limit: maxLength) }
    guard openCalls < maxOpenCalls else { return .wait }
    if isOpening {
      let total = bytesBeforeHello + FrameHeader.size + length
      guard total <= ConnectionLimits.maxBytesBeforeHello else { return .wait }
      bytesBeforeHello = total
    }
    let stream = nextStream
    nextStream += 2
    openCalls += 1
    if nextStream >= ConnectionLimits.lastStream { phase = .leaving }
    return .stream(stream)
  }

  /// A RESPONSE has come to an open stream.
  mutating func responded() {
    precondition(openCalls > 0, "a response without an open call")
    openCalls -= 1
  }

  /// A RESPONSE has come to a stream that is not open.
  func unmatchedResponse(_ stream: UInt32) -> ProtocolViolation {
    stream < nextStream ? .responseRepeated(stream) : .responseToUnopenedStream(stream)
  }
}

// MARK: - Frames

extension ClientConnectionMachine {
  /// A frame has come whose header alone is legal.
  mutating func received(_ header: FrameHeader, now: UInt64) -> Received {
    timers.frameReceived(now: now)
    pingSentAt = nil
    if phase == .closed || header.type.isIgnorable { return .ignore }
    if isOpening {
      return header.type == .hello ? .hello : fail(.helloMissing(header.type))
    }
    switch header.type {
    case .response: return .response
    case .goAway: return .goAway
    case .ping:
      if header.flags.contains(.ack) { return .ignore }
      let isTolerated = pings.take(now: now, intervalMilliseconds: limits.minPingIntervalMilliseconds)
      return isTolerated ? .answerPing : fail(.pingFlood)
    case .hello: return fail(.helloRepeated)
    default: return fail(.wrongDirection(header.type))
    }
  }

  private mutating func fail(_ violation: ProtocolViolation) -> Received {
    phase = .closed
    return .violation(violation)
  }

  /// The server's HELLO was decoded.
  mutating func receivedHello(
    maxLength: UInt32, maxOpenCalls: UInt32, pingIntervalMilliseconds: UInt32
  ) -> ProtocolViolation? {
    precondition(isOpening, "a second HELLO is a violation")
    guard maxLength >= FrameLimits.smallestMaxLength, maxOpenCalls > 0 else {
      phase = .closed
      return .helloInvalid
    }
    serverMaxLength = min(maxLength, FrameLimits.largestMaxLength)
    self.maxOpenCalls = maxOpenCalls
    serverPingInterval = UInt64(pingIntervalMilliseconds) * 1_000_000
    phase = .open
    return nil
  }

  /// The server's GOAWAY was decoded. Calls on streams above `lastStream` were not processed and get no answer.
  mutating func receivedGoAway(lastStream: UInt32) -> ProtocolViolation? {
    guard lastStream <= lastGoAway else {
      phase = .closed
      return .goAwayRaised(lastStream)
    }
    lastGoAway = lastStream
    phase = .leaving
    return nil
  }

  /// A call was never processed, so no RESPONSE will come.
  mutating func notProcessed() {
    precondition(openCalls > 0, "a call was given back twice")
    openCalls -= 1
  }
}

// MARK: - End of input, time

extension ClientConnectionMachine {
  /// All whole frames have been taken from the input.
  mutating func inputConsumed(isPartial: Bool, now: UInt64) {
    timers.inputConsumed(isPartial: isPartial, now: now)
  }

  mutating func outputChanged(isOverLimit: Bool, now: UInt64) {
    timers.outputChanged(isOverLimit: isOverLimit, now: now)
  }

  /// The connection is gone.
  mutating func closed() { phase = .closed }

  /// Comes every `ConnectionLimits.tick`.
  mutating func tick(now: UInt64) -> Tick {
    switch phase {
    case .closed: return .none
    case .opening(let since) where elapsed(since, now) >= limits.helloTimeout:
      phase = .closed
      return .close(ProtocolViolation.helloTimeout.closeReason)
    case .opening, .open, .leaving: break
    }
    if case .violation(let violation) = timers.expiry(now: now, hasOpenCalls: true, limits: limits) {
      phase = .closed
      return .close(violation.closeReason)
    }
    guard openCalls > 0, !isOpening else { return .none }
    if let sent = pingSentAt {
      guard elapsed(sent, now) >= limits.frameTimeout else { return .none }
      phase = .closed
      return .close(CloseReason("PING_UNANSWERED", "no frame and no answer to PING"))
    }
    guard timers.silence(now: now) >= max(keepAlive, serverPingInterval) else { return .none }
    pingSentAt = now
    return .sendPing
  }
}
