import Wire

/// A server's side of one connection: frames and time go in, what to do comes out. No I/O, no clock.
///
/// `open` → `draining` with GOAWAY → `closing`; a violation leads to `closing` from everywhere. In `closing` nothing that
/// comes in matters. The client's HELLO may come while the server drains already.
struct ServerConnectionMachine {
  /// What to do about a frame.
  enum Received: Equatable {
    /// Decode the meta and call `receivedHello`.
    case hello
    /// Run the call; its slot is taken until `responded`.
    case request
    /// Answer `RESOURCE_EXHAUSTED`; the call holds no slot.
    case refuseRequest
    /// The client gives this call up, if it is still open.
    case cancel
    /// Send the 8 bytes back with ACK.
    case answerPing
    /// Nothing.
    case ignore
    /// Send GOAWAY and close.
    case violation(ProtocolViolation)
  }

  /// What to do when time has passed.
  enum Tick: Equatable {
    case none
    /// Send GOAWAY and close.
    case close(CloseReason)
    /// The peer had its time to close; cut the connection.
    case cut
  }

  private enum Phase: Equatable {
    case open
    case draining
    case closing(since: UInt64)
  }

  private let limits: ConnectionConfiguration
  private var phase = Phase.open
  /// When the wait for the client's HELLO began; nil once it has come.
  private var helloAwaitedSince: UInt64?
  private var timers: ConnectionTimers
  private var pings: PingBudget
  /// The highest stream that was accepted; 0 before the first. Odd or 0.
  private(set) var lastAccepted: UInt32 = 0
  /// The highest stream that came, dropped ones included. At least `lastAccepted`.
  private var lastSeen: UInt32 = 0
  /// Accepted and not yet answered. At most `limits.maxOpenCalls`.
  private(set) var openCalls: UInt32 = 0
  private var isInputClosed = false

  /// Starts when the TLS handshake is complete.
  init(limits: ConnectionConfiguration, now: UInt64) {
    self.limits = limits
    helloAwaitedSince = now
    timers = ConnectionTimers(now: now)
    pings = PingBudget(now: now)
  }

  var isClosing: Bool {
    if case .closing = phase { return true }
    return false
  }

  /// Nothing is left to do for this connection: it drains or its input has ended, and every call is answered.
  var isFinished: Bool {
    openCalls == 0 && !isClosing && (phase == .draining || isInputClosed)
  }
}

// MARK: - Frames

extension ServerConnectionMachine {
  /// A frame has come whose header alone is legal.
  mutating func received(_ header: FrameHeader, now: UInt64) -> Received {
    timers.frameReceived(now: now)
    if isClosing { return .ignore }
    let action = judge(header, now: now)
    if case .violation = action { phase = .closing(since: now) }
    return action
  }

  private mutating func judge(_ header: FrameHeader, now: UInt64) -> Received {
    if header.type.isIgnorable { return .ignore }
    if helloAwaitedSince != nil {
      return header.type == .hello ? .hello : .violation(.helloMissing(header.type))
    }
    switch header.type {
    case .request: return receivedRequest(header.stream)
    case .cancel: return header.stream <= lastSeen ? .cancel : .violation(.cancelOfUnopenedStream(header.stream))
    case .ping:
      if header.flags.contains(.ack) { return .ignore }
      let isTolerated = pings.take(now: now, intervalMilliseconds: limits.minPingIntervalMilliseconds)
      return isTolerated ? .answerPing : .violation(.pingFlood)
    case .hello: return .violation(.helloRepeated)
    default: return .violation(.wrongDirection(header.type))
    }
  }

  private mutating func receivedRequest(_ stream: UInt32) -> Received {
    let (expected, hasWrapped) = lastSeen == 0 ? (1, false) : lastSeen.addingReportingOverflow(2)
    guard stream == expected, !hasWrapped else {
      return .violation(.streamOutOfOrder(stream, expected: expected))
    }
    lastSeen = stream
    guard phase == .open else { return .ignore }
    lastAccepted = stream
    guard openCalls < limits.maxOpenCalls else { return .refuseRequest }
    openCalls += 1
    return .request
  }

  /// The client's HELLO was decoded; nil: it could not be.
  mutating func receivedHello(maxLength: UInt32?, now: UInt64) -> ProtocolViolation? {
    precondition(helloAwaitedSince != nil, "a second HELLO is a violation")
    guard let maxLength else { return fail(.metaUndecodable(.hello), now: now) }
    guard maxLength >= FrameLimits.smallestMaxLength else { return fail(.helloInvalid, now: now) }
    helloAwaitedSince = nil
    return nil
  }

  /// Found outside the order of frames: in a header, in meta.
  mutating func fail(_ violation: ProtocolViolation, now: UInt64) -> ProtocolViolation {
    phase = .closing(since: now)
    return violation
  }

  /// An open call was answered.
  mutating func responded() {
    precondition(openCalls > 0, "a call was answered twice")
    openCalls -= 1
  }
}

// MARK: - End of input, drain, time

extension ServerConnectionMachine {
  /// All whole frames have been taken from the input.
  mutating func inputConsumed(isPartial: Bool, now: UInt64) {
    timers.inputConsumed(isPartial: isPartial, now: now)
  }

  /// The client closed its side; its open calls are still answered.
  mutating func inputClosed(isPartial: Bool, now: UInt64) -> ProtocolViolation? {
    isInputClosed = true
    return isPartial && !isClosing ? fail(.truncatedFrame, now: now) : nil
  }

  mutating func readingPaused(now: UInt64) { timers.readingPaused(now: now) }
  mutating func readingResumed(now: UInt64) { timers.readingResumed(now: now) }

  /// Output went over its limit or below it.
  mutating func outputChanged(isOverLimit: Bool, now: UInt64) {
    timers.outputChanged(isOverLimit: isOverLimit, now: now)
  }

  /// The server stops. Returns whether to send GOAWAY; false where the connection already drains or closes.
  mutating func startDrain() -> Bool {
    guard phase == .open else { return false }
    phase = .draining
    return true
  }

  /// The last frame was sent.
  mutating func startClose(now: UInt64) {
    if !isClosing { phase = .closing(since: now) }
  }

  /// Comes every `ConnectionLimits.tick`.
  mutating func tick(now: UInt64) -> Tick {
    if case .closing(let since) = phase {
      return elapsed(since, now) >= ConnectionLimits.closeTimeout ? .cut : .none
    }
    if let since = helloAwaitedSince, elapsed(since, now) >= limits.helloTimeout {
      return .close(fail(.helloTimeout, now: now).closeReason)
    }
    switch timers.expiry(now: now, hasOpenCalls: openCalls > 0, limits: limits) {
    case .violation(let violation): return .close(fail(violation, now: now).closeReason)
    case .idle:
      phase = .closing(since: now)
      return .close(.idle)
    case nil: return .none
    }
  }
}
