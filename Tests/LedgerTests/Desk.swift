import Bytes
import Ledger
import Payments
import Synchronization

/// A ledger with everything around it in the test's hands.
final class Desk: Sendable {
  let disk: MemoryDisk
  let trace = Trace()
  let clock: ScriptedClock
  let acquirer: ScriptedAcquirer
  let loop: TestLoop
  let ledger: Ledger
  private let slots = Atomic<UInt32>(0)

  /// Starts a ledger; with a disk and a clock that were used before, as after a restart.
  init(
    disk: MemoryDisk = MemoryDisk(), clock: ScriptedClock = ScriptedClock(), canInquire: Bool = true,
    script: @escaping ScriptedAcquirer.Script = { $0.kind == .sale ? .approved : nil }
  ) throws {
    self.disk = disk
    self.clock = clock
    let trace = trace
    acquirer = ScriptedAcquirer(disk, trace: trace, canInquire: canInquire, script: script)
    loop = TestLoop(trace: trace, power: Power())
    ledger = Ledger(
      store: { MemoryStore(disk, trace: trace, power: Power()) }, acquirer: acquirer, clock: clock.ledgerClock,
      onRefusing: { trace.add("refusing: \($0)") }, onFatal: { _ in trace.add("fatal") })
    ledger.attach(loop, index: 0)
    try ledger.start()
  }

  deinit { ledger.stop() }

  func token() -> ReplyToken {
    ReplyToken(loop: 0, slot: slots.wrappingAdd(1, ordering: .relaxed).oldValue, generation: 1)
  }

  /// Submits one payment and gives whom it is told to. The number is the key's.
  @discardableResult
  func pay(_ number: UInt64, _ change: (inout Intent) -> Void = { _ in }) -> ReplyToken {
    let batch = PaymentBatch(loop: 0)
    let reply = add(number, to: batch, change)
    ledger.submit(batch)
    return reply
  }

  @discardableResult
  func add(_ number: UInt64, to batch: PaymentBatch, _ change: (inout Intent) -> Void = { _ in }) -> ReplyToken {
    var intent = TestIntent.make(number, reply: token())
    change(&intent)
    Array("A-\(number)".utf8).withUnsafeBytes { batch.append(intent, reference: $0) }
    return intent.reply
  }

  /// Returns once everything that was known before has been written, sent and told.
  func settle() async { for _ in 0..<4 { try? await ledger.perform { _ in } } }

  /// Lets time pass, with all that is due in it.
  func pass(_ milliseconds: Int64) async {
    clock.advance(milliseconds)
    await settle()
  }

  /// Runs `body` on the writer's thread, so that all it queues comes into one transaction.
  func together(_ body: @escaping @Sendable () -> Void) async throws {
    try await ledger.perform { _ in body() }
    await settle()
  }

  func stored(
    _ number: UInt64, consultant: Int64 = TestIntent.consultant, wait: Int64 = 0
  ) async throws -> StoredPayment? {
    let found = try await ledger.outcome(
      key: TestIntent.key(number), company: TestIntent.company, consultant: consultant, waitMilliseconds: wait)
    guard case .known(let stored) = found else { return nil }
    return stored
  }
}

enum TestIntent {
  static let company: Int64 = 70
  static let consultant: Int64 = 80
  static let session = Bytes16(high: 3, low: 4)

  static func key(_ number: UInt64) -> Bytes16 {
    Bytes16(high: UInt64(ScriptedClock.start) << 16 | 7 << 12, low: 2 << 62 | number)
  }

  static func make(_ number: UInt64, reply: ReplyToken, pan: String = "4111111111111111") -> Intent {
    Intent(
      key: key(number), session: session, sequence: number, identityDigest: .zero, macAddress: mac, process: 6,
      company: company, consultant: consultant, amount: 59_000, currency: Currency(stored: 0x4B_5257), instalments: 3,
      notAfter: 1_000_000_000, reference: Range32(start: 0, count: 0),
      card: StoredCard(
        fingerprint: Bytes16(high: 10, low: 11), expiry: 203_012, keyVersion: 1, box: .init(repeating: 0),
        firstSix: 411_111, lastFour: 1_111, length: 16),
      secrets: secrets(pan), reply: reply)
  }

  private static let mac: MACAddress = {
    guard let mac = MACAddress([2, 0, 0, 0, 0, 1]) else { preconditionFailure("a constant") }
    return mac
  }()

  static func secrets(_ pan: String) -> CardSecrets {
    var secrets = CardSecrets.empty
    for (index, digit) in pan.utf8.enumerated() { secrets.pan[index] = digit }
    secrets.panLength = UInt8(pan.utf8.count)
    (secrets.expiryYear, secrets.expiryMonth) = (2030, 12)
    return secrets
  }
}
