import CountersignRPC
import ISO8583
import Logging
import NIOCore
import NIOPosix
import Payments
import TLS

/// The link's state: connections, open requests, and what waits for a connection. On one event loop.
final class LinkCore {
  let eventLoop: any EventLoop
  let dialect: Dialect
  let reader: AnswerReader
  let pool: STANPool
  let logger: Logger
  let wall: @Sendable () -> Int64
  private let readiness: LinkReadiness
  var sink: (any AcquirerSink)?
  var composer: Composer
  var message = Message()
  var pending = PendingRequests()
  private var lines: [Line] = []
  private var connections: [Int: LinkConnection] = [:]
  /// Connections that take requests, in turn.
  private var ready: [LinkConnection] = []
  private var turn = 0
  private var lastConnection = 0
  /// Trace numbers of sign-ons and echoes.
  private var networkStan: UInt32 = 0
  /// Inquiries and reversals that wait for a connection.
  private var held: [HeldOperation] = []
  private var journal = JournalBudget()
  private var isStopping = false

  /// One place for a connection: made again, with growing waits, whenever it is lost.
  private struct Line {
    var address: Dialect.Address
    var tls: TLSContext?
    var failures = 0
    /// Number of its connection; nil between two.
    var connection: Int?
  }

  /// Milliseconds between two looks at deadlines and silent connections.
  private static let tick: Int64 = 100

  init(
    _ dialect: Dialect, pool: STANPool, on eventLoop: any EventLoop, logger: Logger, readiness: LinkReadiness,
    wall: @escaping @Sendable () -> Int64
  ) throws {
    self.eventLoop = eventLoop
    self.dialect = dialect
    self.pool = pool
    self.logger = logger
    self.readiness = readiness
    self.wall = wall
    reader = AnswerReader(dialect: dialect)
    composer = Composer(dialect: dialect)
    for address in dialect.addresses {
      let tls = try dialect.tls?.context(host: address.host)
      for _ in 0..<dialect.connections { lines.append(Line(address: address, tls: tls)) }
    }
  }

  /// Monotonic milliseconds.
  static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

  func start() {
    for index in lines.indices { connect(index) }
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(Self.tick), delay: .milliseconds(Self.tick)) { task in
      if bound.value.isStopping { task.cancel() } else { bound.value.tick() }
    }
  }

  /// Signs off and closes everything.
  func stop() {
    isStopping = true
    for connection in connections.values {
      if connection.isReady { send(.signOff, on: connection) }
      connection.close("the service stops")
    }
  }
}

// MARK: - Connections

extension LinkCore {
  private func connect(_ index: Int) {
    guard !isStopping else { return }
    lastConnection += 1
    let (line, number) = (lines[index], lastConnection)
    lines[index].connection = number
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.writeBufferWaterMark, value: LinkConnection.writeBuffer)
      .connectTimeout(.seconds(10))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let core = bound.value
          let connection = LinkConnection(
            number: number, core: core, dialect: core.dialect, usesTLS: line.tls != nil)
          core.connections[number] = connection
          let pipeline = channel.pipeline.syncOperations
          if let tls = line.tls { try pipeline.addHandler(TLSHandler(context: tls)) }
          try pipeline.addHandler(connection)
        }
      }
      .connect(host: line.address.host, port: Int(line.address.port))
      .assumeIsolated().whenFailure { error in
        bound.value.connections[number] = nil
        bound.value.lost(number, "cannot be reached: \(error)")
      }
  }

  func opened(_ connection: LinkConnection) {
    guard dialect.messages[.signOn] != nil else { return becomeReady(connection) }
    send(.signOn, on: connection)
    connection.flush()
  }

  private func becomeReady(_ connection: LinkConnection) {
    connection.isReady = true
    ready.append(connection)
    readiness.count.wrappingAdd(1, ordering: .relaxed)
    if let index = lines.firstIndex(where: { $0.connection == connection.number }) { lines[index].failures = 0 }
    logger.notice("acquirer's line is up", metadata: metadata(connection))
    let waiting = held
    held.removeAll()
    for operation in waiting { submit(operation.operation, deadline: operation.deadline) }
    flush()
  }

  func closed(_ connection: LinkConnection, _ reason: String) {
    if connection.isReady {
      ready.removeAll { $0 === connection }
      readiness.count.wrappingSubtract(1, ordering: .relaxed)
    }
    connections[connection.number] = nil
    for request in pending.lose(connection: connection.number) { giveUp(request) }
    lost(connection.number, reason)
  }

  /// Connects again after a wait.
  private func lost(_ number: Int, _ reason: String) {
    guard let index = lines.firstIndex(where: { $0.connection == number }), !isStopping else { return }
    lines[index].connection = nil
    lines[index].failures += 1
    let wait = Backoff().delay(failures: lines[index].failures, random: .random(in: 0...1))
    let address = lines[index].address
    logger.warning(
      "acquirer's line is down",
      metadata: [
        "address": "\(address.host):\(address.port)", "reason": "\(reason)", "retry_ms": "\(wait / 1_000_000)",
      ])
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: wait))) { bound.value.connect(index) }
  }

  private func metadata(_ connection: LinkConnection) -> Logger.Metadata {
    guard let line = lines.first(where: { $0.connection == connection.number }) else { return [:] }
    return ["address": "\(line.address.host):\(line.address.port)", "connection": "\(connection.number)"]
  }

  /// Deadlines, silent connections, and what waited too long.
  private func tick() {
    let now = Self.now()
    for request in pending.expire(now: now) { giveUp(request) }
    held.removeAll { operation in
      guard operation.deadline <= now else { return false }
      sink?.answer(.unknown(operation.operation))
      return true
    }
    guard dialect.messages[.echo] != nil else { return }
    for connection in ready where !connection.isEchoing && now - connection.lastInput >= dialect.echoInterval {
      connection.isEchoing = true
      send(.echo, on: connection)
      connection.flush()
    }
  }
}

// MARK: - Requests

extension LinkCore {
  /// Sends operations; what the writer thread has given is erased before this returns.
  func submit(_ batch: OperationBatch) {
    let deadline = Self.now() + dialect.answerTimeout
    batch.withOperations { submit($0, deadline: deadline) }
    flush()
  }

  private func submit(_ operation: AcquirerOperation, deadline: Int64) {
    guard let original = operation.original else {
      // Recorded when another acquirer was configured: this one knows nothing of it.
      logger.error("payment was sold elsewhere", metadata: ["payment": "\(operation.payment)"])
      sink?.answer(.unknown(operation))
      return
    }
    if operation.kind != .sale { remember(operation, original) }
    guard let connection = nextConnection() else { return hold(operation, deadline) }
    guard operation.kind != .sale || pending.openCount < dialect.openLimit else { return notSent(operation) }
    let kind = operation.kind.messageKind
    guard let template = dialect.messages[kind] else {
      sink?.answer(.unknown(operation))
      return
    }
    let subject = Composer.Subject(
      original: original, amount: operation.amount, currency: operation.currency,
      instalments: operation.instalments, secrets: operation.secrets)
    let request = PendingRequest(
      kind: .payment(operation.kind), payment: operation.payment, amount: operation.amount,
      connection: connection.number, deadline: deadline)
    if !send(kind, template, subject, isRepeat: operation.isRepeat, request, on: connection) { notSent(operation) }
  }

  /// Composes a message, remembers its request and writes it.
  ///
  /// - Returns: false where nothing was sent.
  func send(
    _ kind: Dialect.MessageKind, _ template: Template, _ subject: Composer.Subject, isRepeat: Bool,
    _ request: PendingRequest, on connection: LinkConnection
  ) -> Bool {
    defer { message.erase() }
    let key = composer.fill(
      &message, template, kind: kind, subject, isRepeat: isRepeat, now: wall() / 1_000)
    guard pending.insert(key, request) else { return false }
    do throws(CodecError) {
      try connection.write(message)
      return true
    } catch {
      pending.withdraw(key)
      logger.error(
        "a message could not be written; nothing was sent",
        metadata: ["payment": "\(request.payment)", "message": "\(kind.rawValue)", "error": "\(error)"])
      return false
    }
  }

  /// The next connection that takes requests.
  func nextConnection() -> LinkConnection? {
    for _ in ready.indices {
      turn = (turn + 1) % ready.count
      if ready[turn].isWritable { return ready[turn] }
    }
    return nil
  }

  /// An answer to the sale may still come, from whichever process it was sent.
  private func remember(_ operation: AcquirerOperation, _ original: OriginalElements) {
    pool.hold(dialect.number(of: original), day: original.time / 86_400)
    pending.remember(
      composer.saleKey(original),
      PendingRequest(
        kind: .payment(.sale), payment: operation.payment, amount: operation.amount, connection: 0, deadline: 0))
  }

  private func hold(_ operation: AcquirerOperation, _ deadline: Int64) {
    guard operation.kind != .sale else { return notSent(operation) }
    held.append(HeldOperation(operation, deadline: deadline))
  }

  private func notSent(_ operation: AcquirerOperation) {
    guard operation.kind == .sale else {
      sink?.answer(.unknown(operation))
      return
    }
    if let original = operation.original { pool.release(dialect.number(of: original)) }
    sink?.answer(AcquirerAnswer(kind: .sale, payment: operation.payment, result: .notSent))
  }

  private func send(_ kind: Dialect.MessageKind, on connection: LinkConnection) {
    guard let template = dialect.messages[kind] else { return }
    networkStan = networkStan % UInt32(STANPool.highest) + 1
    let now = wall() / 1_000
    let original = OriginalElements(
      messageType: template.type, stan: networkStan, time: now, acquirer: dialect.acquirer, retrieval: (0, 0),
      terminal: dialect.terminals.first ?? 0)
    let subject = Composer.Subject(
      original: original, amount: 0, currency: Currency(stored: 0), instalments: 0, secrets: .empty)
    defer { message.erase() }
    let key = composer.fill(&message, template, kind: kind, subject, isRepeat: false, now: now)
    if kind != .signOff {
      let request = PendingRequest(
        kind: kind == .signOn ? .signOn : .echo, payment: 0, amount: 0, connection: connection.number,
        deadline: Self.now() + dialect.answerTimeout)
      guard pending.insert(key, request) else { return }
    }
    do throws(CodecError) {
      try connection.write(message)
    } catch {
      connection.close("message \(kind.rawValue) could not be written: \(error)")
    }
    if kind == .signOff { connection.flush() }
  }
}

// MARK: - Answers

extension LinkCore {
  func received(_ message: Message, on connection: LinkConnection) {
    guard message.type / 10 % 2 == 1 else { return receivedRequest(message, on: connection) }
    let isNetwork = message.type / 100 % 10 == 8
    switch pending.match(reader.key(of: message, isNetwork: isNetwork)) {
    case .open(let request), .late(let request), .doubled(let request):
      switch request.kind {
      case .payment(let kind): answer(request, kind, message)
      case .operation(let operation): answer(request, operation, message)
      case .signOn, .echo: answerNetwork(request, message, on: connection)
      }
    case .unknown: note("\(summary(message)): nobody asked, or it was too long ago")
    }
  }

  private func answer(_ request: PendingRequest, _ kind: AcquirerOperation.Kind, _ message: Message) {
    let reading = reader.read(message, to: request, kind)
    if let doubt = reading.doubt {
      logger.error(
        "the acquirer's answer needs a look", metadata: ["payment": "\(request.payment)", "doubt": "\(doubt)"])
      note("\(summary(message)) to payment \(request.payment): \(doubt.text)")
    }
    if reading.answer.isFinal { release(message) }
    sink?.answer(reading.answer)
  }

  func release(_ message: Message) {
    let terminal = message.withBytes(of: 41) { TextNumber.packPadded($0) }
    let stan = UInt32(truncatingIfNeeded: message.withBytes(of: 11) { TextNumber.digits($0) })
    guard let index = dialect.terminalIndex(terminal) else { return }
    pool.release(STANPool.Number(terminal: index, stan: stan))
  }

  private func answerNetwork(_ request: PendingRequest, _ message: Message, on connection: LinkConnection) {
    connection.isEchoing = false
    guard request.connection == connection.number else { return }
    guard reader.isApproved(message) else {
      return connection.close("\(request.kind == .signOn ? "sign-on" : "echo") was refused: \(summary(message))")
    }
    if request.kind == .signOn, !connection.isReady { becomeReady(connection) }
  }

  /// A request got no answer, or lost its connection.
  private func giveUp(_ request: PendingRequest) {
    switch request.kind {
    case .payment(let kind):
      sink?.answer(AcquirerAnswer(kind: kind, payment: request.payment, result: .unknown))
    case .operation(let operation): giveUp(operation)
    case .signOn, .echo:
      connections[request.connection]?.close("no answer to \(request.kind == .signOn ? "sign-on" : "echo")")
    }
  }

  /// The acquirer tries the line too; anything else it may ask is not for us.
  private func receivedRequest(_ message: Message, on connection: LinkConnection) {
    guard message.type / 100 % 10 == 8 else { return note("\(summary(message)): an unexpected request") }
    guard let code = dialect.codes[.network]?.meanings.keys.map(\.text).min() else { return }
    var reply = message
    reply.type = message.type + 10
    reply.set(39, code.utf8)
    try? connection.write(reply)
    connection.flush()
  }

  func unreadable(_ error: CodecError, on connection: LinkConnection) {
    logger.error("a message of the acquirer cannot be read", metadata: ["error": "\(error)"])
    note("an unreadable message: \(error)")
  }

  /// Sends what was written to any connection.
  func flush() {
    for connection in ready { connection.flush() }
  }

  /// Type, terminal, STAN, reference, time and code: what the acquirer needs to find it again.
  func summary(_ message: Message) -> String {
    let fields = [41, 11, 37, 7, 39].compactMap { field in
      message.has(field) ? "DE\(field) \(message.text(field) ?? "")" : nil
    }
    return ([Message.text(of: message.type)] + fields).joined(separator: ", ")
  }

  func note(_ text: String) {
    switch journal.spend(at: Self.now()) {
    case .whole: sink?.unmatched(text)
    case .last: sink?.unmatched("\(text); more of this minute are only in the log")
    case .spent: logger.warning("unmatched answer", metadata: ["answer": "\(text)"])
    }
  }
}

/// How many unmatched answers are journaled in a minute, so that an acquirer gone wrong does not fill the disk.
struct JournalBudget {
  enum Verdict { case whole, last, spent }
  private static let perMinute = 100
  private var since: Int64 = .min
  private var count = 0

  mutating func spend(at now: Int64) -> Verdict {
    if since == .min || now - since >= 60_000 { (since, count) = (now, 0) }
    count += 1
    return count < Self.perMinute ? .whole : count == Self.perMinute ? .last : .spent
  }
}

extension Reading.Doubt {
  var text: String {
    switch self {
    case .amount: "the approved amount is another one"
    case .format: "the acquirer could not read our message; check the dialect"
    case .code: "the code is in no list of the dialect"
    case .notFound: "a void that was sent again does not find its sale; ask the acquirer, then settle it"
    }
  }
}

extension AcquirerOperation.Kind {
  fileprivate var messageKind: Dialect.MessageKind {
    switch self {
    case .sale: .sale
    case .inquiry: .inquiry
    case .reversal: .reversal
    }
  }
}

extension AcquirerAnswer {
  static func unknown(_ operation: AcquirerOperation) -> AcquirerAnswer {
    AcquirerAnswer(kind: operation.kind, payment: operation.payment, result: .unknown)
  }

  /// Nothing more is asked about the sale.
  fileprivate var isFinal: Bool {
    switch result {
    case .approved, .declined, .reversed: true
    case .notSent, .unknown, .notFound, .reversalRefused, .otherAmount: false
    }
  }
}
