import Cryptography
import Ledger
import Logging
import Payments
import Synchronization

/// Seals stored cards again under a new data key: 200 at a time, in one transaction with the position. While payments
/// come in it rests between them. After a restart it goes on where it stood. Where the ledger takes no writes it waits
/// until it does: the room that is kept for what is under way is not for it.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.7.4.
final class KeyRotator: Sendable {
  /// Cards of one transaction: a payment that comes meanwhile waits for one of them at most.
  static let step = 200

  private let folder: DataFolder
  private let pin: SecretBytes?
  private let ring: VaultKeyRing
  private let ledger: Ledger
  private let clock: ServiceClock
  private let logger: Logger
  private let running = Mutex<Task<Void, Never>?>(nil)
  private let waiting = Mutex("")

  /// Between two tries of a ledger that takes no writes.
  private static let retryWait = Duration.seconds(1)

  /// Why the rotation does not go on at present, for people; empty where it does.
  var waitsFor: String { waiting.withLock { $0 } }

  init(
    folder: DataFolder, pin: SecretBytes?, ring: VaultKeyRing, ledger: Ledger, clock: ServiceClock, logger: Logger
  ) {
    self.folder = folder
    self.pin = pin
    self.ring = ring
    self.ledger = ledger
    self.clock = clock
    self.logger = logger
  }

  /// Goes on with a rotation that the last process left open, or that it had only made the key for.
  func resume() async throws {
    let version = ring.version
    guard let rotation = try await ledger.perform({ store in try store.rotation() }) else {
      if version > 1 { try await begin(version, by: "the server's start") }
      return
    }
    if rotation.keyVersion < version { return try await begin(version, by: "the server's start") }
    if !rotation.isFinished { run() }
  }

  /// Puts a new data key in force and begins to seal older cards again.
  ///
  /// - Parameter administrator: for the journal.
  /// - Returns: false where a rotation is under way; nothing was done.
  func rotate(by administrator: String) async throws -> Bool {
    let rotation = try await ledger.perform { store in try store.rotation() }
    if let rotation, !rotation.isFinished { return false }
    // A key that is in force and whose rotation could not be recorded is not followed by another one.
    if ring.version == rotation?.keyVersion ?? 1 {
      let (version, key) = try VaultKeys.addDataKey(in: folder, pin: pin)
      ring.use(key, version: version)
    }
    try await begin(ring.version, by: administrator)
    return true
  }

  /// Ends after the present step.
  func stop() async {
    let task = running.withLock { $0.take() }
    task?.cancel()
    await task?.value
  }

  private func begin(_ version: UInt32, by administrator: String) async throws {
    let now = clock.wall()
    try await ledger.perform(fromReserve: true) { store in
      try store.setRotation(KeyRotation(keyVersion: version))
      try store.insertEvent(
        EventRow(kind: .rotationStarted, time: now, text: "data key \(version), by \(administrator)"))
    }
    run()
  }

  private func run() {
    running.withLock { running in
      running?.cancel()
      running = Task { await work() }
    }
  }

  private func work() async {
    do {
      // What was sealed under the former key is queued now and recorded before the next job: the walk meets it.
      await ring.fence()
      try await untilWritten { try await ledger.perform { _ in } }
      let vault = RotatingVault(CardVault(ring: ring))
      let now = clock.wall
      while !Task.isCancelled {
        let step = try await untilWritten {
          try await ledger.perform { store in try vault.step(store, now: now()) }
        }
        if step.isLast { return }
        if step.isBesidePayments { try await Task.sleep(for: step.took * Limits.restBesidePayments) }
      }
    } catch LedgerError.stopped {
    } catch is CancellationError {
    } catch {
      logger.error("cards could not be sealed again; the next start goes on", metadata: ["error": "\(error)"])
    }
  }
}

extension KeyRotator {
  /// Tries again while the ledger takes no writes.
  private func untilWritten<R>(_ body: () async throws -> R) async throws -> R {
    while true {
      do {
        let result = try await body()
        wait(for: "")
        return result
      } catch StoreError.unavailable(let text), StoreError.noRoom(let text) {
        wait(for: text)
        try await Task.sleep(for: Self.retryWait)
      }
    }
  }

  /// Notes why the rotation waits, and tells the log where that is new.
  private func wait(for text: String) {
    let before = waiting.withLock { waiting in
      defer { waiting = text }
      return waiting
    }
    guard before.isEmpty != text.isEmpty else { return }
    if text.isEmpty {
      logger.notice("cards are sealed again, as before")
    } else {
      logger.warning("cards are not sealed again for now; it goes on by itself", metadata: ["reason": "\(text)"])
    }
  }
}

/// A vault that only the writer's thread uses, one step at a time; that is why it may be shared.
private final class RotatingVault: @unchecked Sendable {
  struct Step {
    /// No card is left.
    let isLast: Bool
    /// Payments came in since the step before.
    let isBesidePayments: Bool
    let took: Duration
  }

  private let vault: CardVault
  /// Number of the last payment at the last step.
  private var lastPayment: Int64?

  init(_ vault: CardVault) { self.vault = vault }

  func step(_ store: any Store, now: Int64) throws -> Step {
    let begin = ContinuousClock.now
    let isLast = try reseal(store, now: now)
    let last = try store.lastPayment()
    defer { lastPayment = last }
    return Step(
      isLast: isLast, isBesidePayments: lastPayment != nil && last != lastPayment, took: ContinuousClock.now - begin)
  }

  /// - Returns: whether no card is left.
  private func reseal(_ store: any Store, now: Int64) throws -> Bool {
    guard var rotation = try store.rotation(), !rotation.isFinished else { return true }
    let cards = try store.cards(after: rotation.position, limit: KeyRotator.step)
    for card in cards where card.keyVersion != rotation.keyVersion {
      guard let resealed = vault.reseal(card) else {
        throw StoreError.damaged("the card of payment \(card.payment) does not open under data key \(card.keyVersion)")
      }
      try store.setCard(resealed)
      rotation.cards += 1
    }
    if let last = cards.last {
      rotation.position = last.payment
    } else {
      rotation.isFinished = true
      try store.insertEvent(
        EventRow(
          kind: .rotationFinished, time: now, text: "data key \(rotation.keyVersion), \(rotation.cards) cards"))
    }
    try store.setRotation(rotation)
    return rotation.isFinished
  }
}
