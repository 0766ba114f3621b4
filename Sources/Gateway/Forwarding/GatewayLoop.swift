import Bytes
import CountersignClient
import CountersignRPC
import Logging
import Messages
import NIOCore
import NIOPosix
import Payments
import Policy
import TLS

/// What all event loops of a gateway share.
struct GatewayParts: Sendable {
  let configuration: Gateway.Configuration
  /// What the company allows, as the service told it last.
  let rules: CurrentRules
  let state: UpstreamState
  let logger: Logger
}

/// The gateway on one event loop: takes calls of terminals, sends them on over few lines, and answers with what the
/// service says. It reads nothing but logins and, where the company has rules, orders; it never sends a call twice.
///
/// Everything on its event loop.
final class GatewayLoop: UpstreamOwner {
  /// After a call's deadline the service has this long to tell it, nanoseconds; then the gateway does.
  private static let grace: UInt64 = 1_000_000_000

  private let parts: GatewayParts
  private unowned let loop: ServerLoop
  private var countersigner: Countersigner
  private var upstream: Upstream!
  private var desks: [ConnectionRef: Desk] = [:]
  private var sources: [String: TerminalSource] = [:]
  private var open = OpenCalls()
  private var waiting = WaitingDesks()
  private var log: RefusalLog

  init(parts: GatewayParts, identity: GatewayIdentity, tls: TLSContext, loop: ServerLoop) {
    self.parts = parts
    self.loop = loop
    log = RefusalLog(parts.logger)
    countersigner = Countersigner(identity, rules: parts.rules)
    let profile = identity.service.profile
    let configuration = parts.configuration.client(host: profile.hopHost, port: Int(profile.hopPort))
    let (state, index) = (parts.state, loop.index)
    upstream = Upstream(configuration, tls: tls, on: loop.eventLoop, owner: self) { isOpen, reason in
      state.set(loop: index, isOpen: isOpen, reason)
    }
    upstream.start()
  }

  /// Logins and new lines use these certificates from now on.
  func use(_ identity: GatewayIdentity, tls: TLSContext) {
    countersigner = Countersigner(identity, rules: parts.rules)
    upstream.replace(tls)
  }

  /// The gateway ends: lost lines are not made again.
  func stop() { upstream.stop() }
}

// MARK: - Calls of terminals

extension GatewayLoop {
  func receive(_ call: InLoopCall, _ method: ForwardedMethod, _ request: UnsafeRawBufferPointer) {
    let desk = desk(of: call.connection)
    switch method.kind {
    case .login: receiveLogin(call, desk, request)
    case .payment:
      if let refusal = refusal(ofPayment: request) { return refuse(call, desk, refusal) }
      forward(call, method, desk, request)
    case .plain, .beginLogin: forward(call, method, desk, request)
    }
  }

  func readComplete() {
    pump()
    upstream.flush()
    loop.flush()
  }

  /// The service is told, and answers; a call that still waits is answered here.
  func cancelled(_ call: InLoopCall) {
    guard let desk = desks[call.connection] else { return }
    for waiting in waiting.remove(of: desk, where: { $0.call.stream == call.stream }) {
      loop.respond(waiting.call, status: .cancelled)
    }
    if let entry = desk.open[call.stream].flatMap({ open[$0] }) { entry.line?.cancel(entry.stream) }
  }

  func connectionClosed(_ connection: ConnectionRef) {
    guard let desk = desks.removeValue(forKey: connection) else { return }
    _ = waiting.remove(of: desk) { _ in true }
    desk.source.connections -= 1
    forgetIfOver(desk.source)
    for tag in desk.open.values {
      guard let entry = open[tag] else { continue }
      open[tag]?.isAnswered = true
      entry.line?.cancel(entry.stream)
    }
  }

  func tick(now: UInt64) {
    log.tick(now: now)
    for overdue in waiting.removeAll(where: { $0.call.deadline <= now }) {
      loop.respond(overdue.call, status: .deadlineExceeded)
    }
    for tag in open.overdue(at: now > Self.grace ? now - Self.grace : 0) {
      guard let entry = open[tag] else { continue }
      open[tag]?.isAnswered = true
      desks[entry.call.connection]?.open[entry.call.stream] = nil
      entry.line?.cancel(entry.stream)
      loop.respond(entry.call, status: .deadlineExceeded)
    }
  }

  private func desk(of connection: ConnectionRef) -> Desk {
    if let desk = desks[connection] { return desk }
    let address = loop.peer(of: connection)?.remoteAddress ?? ""
    let source = sources[address] ?? TerminalSource(address: address)
    sources[address] = source
    source.connections += 1
    let desk = Desk(connection: connection, source: source)
    desks[connection] = desk
    return desk
  }

  private func forgetIfOver(_ source: TerminalSource) {
    if source.isOver { sources[source.address] = nil }
  }

  /// Asks the company's rules, where it has any, about the order that stands in clear.
  private func refusal(ofPayment request: UnsafeRawBufferPointer) -> (any Error)? {
    guard let rules = parts.rules.current else { return nil }
    let order: PaymentOrder
    do {
      order = try PaymentOrder(decoding: try SubmitPaymentRequest(decoding: request).order, rules: .signed)
    } catch {
      return GatewayRefusal(.messageInvalid, cause: "\(error)")
    }
    // What is no currency at all is for the service to refuse.
    guard let currency = Currency(order.currency.utf8) else { return nil }
    return rules.refusal(payment: order.amount, currency, by: .gateway, at: Wall.milliseconds())?.status
  }
}

// MARK: - Login

extension GatewayLoop {
  private func receiveLogin(_ call: InLoopCall, _ desk: Desk, _ request: UnsafeRawBufferPointer) {
    guard !desk.isCheckingLogin else { return loop.respond(call, status: GatewayReason.loginUnderWay.status) }
    let login: AskedLogin
    do throws(GatewayRefusal) {
      login = try AskedLogin(request)
      guard desk.challenges.take(login.challenge, now: ServerLoop.now()) else {
        throw GatewayRefusal(.challengeInvalid, cause: "not fetched on this connection")
      }
    } catch {
      return refuse(call, desk, error)
    }
    desk.isCheckingLogin = true
    // Signatures take a fraction of a millisecond, and the company's key may lie in another device that takes longer.
    let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
    NIOThreadPool.singleton.submit { [countersigner] _ in
      let result = Result { try countersigner.countersigned(login, now: Wall.milliseconds()) }
      bound.eventLoop.execute { bound.value.checked(call, result) }
    }
  }

  private func checked(_ call: InLoopCall, _ result: Result<[UInt8], any Error>) {
    guard let desk = desks[call.connection] else { return }
    desk.isCheckingLogin = false
    switch result {
    case .success(let request):
      let method = ForwardedMethod(path: CheckoutMethods.login, kind: .login)
      request.withUnsafeBytes { forward(call, method, desk, $0) }
      pump()
      upstream.flush()
    case .failure(let error): refuse(call, desk, error)
    }
    loop.flush()
  }

  private func refuse(_ call: InLoopCall, _ desk: Desk, _ error: any Error) {
    switch error {
    case let refusal as GatewayRefusal:
      log.add(terminal: desk.address, refusal.reason.rawValue, cause: refusal.cause)
      loop.respond(call, status: refusal.reason.status)
    case let status as RPCStatus:
      log.add(terminal: desk.address, status.reason ?? status.code.name, cause: "company policy")
      loop.respond(call, status: status)
    default:
      parts.logger.error("a login could not be countersigned", metadata: ["error": "\(error)"])
      loop.respond(call, status: .internalError)
    }
  }
}

// MARK: - Forwarding

extension GatewayLoop {
  private enum Sending {
    case done
    case noRoom
  }

  /// Sends a call on, now or when its turn has come.
  private func forward(_ call: InLoopCall, _ method: ForwardedMethod, _ desk: Desk, _ request: UnsafeRawBufferPointer) {
    if waiting.isEmpty, case .done = send(call, method, desk, request) { return }
    guard upstream.isOpen else { return loop.respond(call, status: GatewayReason.upstreamLost.status) }
    let call = WaitingCall(call: call, method: method, request: Array(request))
    if !waiting.append(call, of: desk) { loop.respond(call.call, status: GatewayReason.gatewayBusy.status) }
  }

  /// Sends waiting calls while there is room; terminals of an address that has its share do not hold up the others.
  private func pump() {
    while let (desk, next) = waiting.next(where: { hasRoom(for: $0.source) }) {
      guard case .done = next.request.withUnsafeBytes({ send(next.call, next.method, desk, $0) }) else { return }
      waiting.removeNext(of: desk)
    }
  }

  private func hasRoom(for source: TerminalSource) -> Bool {
    open.count < parts.configuration.upstreamCalls && source.calls < parts.configuration.upstreamCallsOfSource
  }

  /// Takes a call out that the service has answered or never will.
  private func take(_ tag: UInt64) -> OpenCalls.Entry? {
    guard let entry = open.remove(tag) else { return nil }
    entry.source.calls -= 1
    forgetIfOver(entry.source)
    return entry
  }

  private func send(
    _ call: InLoopCall, _ method: ForwardedMethod, _ desk: Desk, _ request: UnsafeRawBufferPointer
  ) -> Sending {
    let now = ServerLoop.now()
    guard call.deadline > now else {
      loop.respond(call, status: .deadlineExceeded)
      return .done
    }
    guard hasRoom(for: desk.source) else { return .noRoom }
    desk.source.calls += 1
    let tag = open.insert(OpenCalls.Entry(call: call, method: method, source: desk.source))
    let (sent, line) = upstream.send(
      method.header(for: desk), tag: tag, timeoutMicroseconds: max(1, (call.deadline - now) / 1_000), request)
    if case .stream(let stream) = sent, let line {
      open[tag]?.line = line
      open[tag]?.stream = stream
      desk.open[call.stream] = tag
      return .done
    }
    _ = take(tag)
    switch sent {
    case .stream, .wait: return .noRoom
    case .tooLarge: loop.respond(call, status: GatewayReason.requestTooLarge.status)
    case .unavailable: loop.respond(call, status: GatewayReason.upstreamLost.status)
    }
    return .done
  }
}

// MARK: - Answers of the service

extension GatewayLoop {
  func opened(_ line: UpstreamLine) {
    upstream.opened(line)
    pump()
    line.flush()
  }

  func answered(_ tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    upstream.answered()
    guard let entry = take(tag), !entry.isAnswered else { return }
    let desk = desks[entry.call.connection]
    desk?.open[entry.call.stream] = nil
    if let status { return loop.respond(entry.call, status: status) }
    if case .beginLogin = entry.method.kind, let challenge = Self.challenge(reply) {
      desk?.challenges.insert(challenge, now: ServerLoop.now())
    }
    loop.respond(entry.call) { $0.writeBytes(reply) }
  }

  func lost(_ line: UpstreamLine, open tags: [UInt64], _ reason: RPCStatus) {
    upstream.lost(line, reason)
    for tag in tags {
      guard let entry = take(tag), !entry.isAnswered else { continue }
      desks[entry.call.connection]?.open[entry.call.stream] = nil
      loop.respond(entry.call, status: GatewayReason.upstreamLost.status)
    }
    if !upstream.isOpen {
      for waiting in waiting.removeAll(where: { _ in true }) {
        loop.respond(waiting.call, status: GatewayReason.upstreamLost.status)
      }
    }
    loop.flush()
  }

  private static func challenge(_ reply: UnsafeRawBufferPointer) -> Bytes32? {
    (try? BeginLoginReply(decoding: reply)).flatMap { Bytes32($0.challenge) }
  }
}
