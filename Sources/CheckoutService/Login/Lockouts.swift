import Cryptography
import Ledger
import Logging
import Payments
import Synchronization

/// Counts failed logins and enrolments: against the consultant where their signature was good, else against the source.
///
/// Sources are counted in memory, since nothing is written for a peer that has shown nothing; only a lockout itself is
/// durable, at most ``RefusalJournal/singlyPerMinute`` of them a minute. Consultants are counted in the ledger.
///
/// Source: docs/security.md, "Lockout".
final class Lockouts: Sendable {
  /// Sources counted at once. Beyond it the oldest count is forgotten: somebody with so many addresses is not stopped
  /// by counting them.
  static let largestSources = 10_000

  fileprivate struct Sources {
    var counts: [String: Lockout] = [:]
    var minute: Int64 = 0
    var written = 0
  }
  private let sources = Mutex(Sources())
  private let ledger: Ledger
  private let clock: ServiceClock
  private let logger: Logger

  init(ledger: Ledger, clock: ServiceClock, logger: Logger) {
    self.ledger = ledger
    self.clock = clock
    self.logger = logger
  }

  /// Reads which sources a former process locked out.
  func load() async throws {
    let now = clock.wall()
    let locked = try await ledger.perform { store in try store.lockedSources(at: now) }
    sources.withLock { sources in
      for (source, lockout) in locked { sources.counts[source] = lockout }
    }
  }

  /// - Throws: ``ServiceRefusal`` where the source is locked out.
  func check(source: String) throws {
    let now = clock.wall()
    let remaining = sources.withLock { $0.counts[source]?.remaining(at: now) }
    if let remaining { throw ServiceRefusal.lockedOut(.source(source), remaining, now: now) }
  }

  /// Runs a login or enrolment; its failure is counted.
  func counting<R: Sendable>(source: String, _ body: () async throws -> R) async throws -> R {
    try check(source: source)
    do {
      return try await body()
    } catch let refusal as ServiceRefusal {
      if refusal.reason.isFailedLogin { await count(refusal, source: source) }
      throw refusal
    }
  }

  /// Forgets a source that an administrator unlocked.
  func forget(source: String) { sources.withLock { $0.counts[source] = nil } }

  private func count(_ refusal: ServiceRefusal, source: String) async {
    let now = clock.wall()
    do {
      if try await countConsultant(refusal, now: now) { return }
      guard let lockout = countSource(source, now: now) else { return }
      try await ledger.perform { store in
        try store.setLockout(.source(source), lockout)
        try store.insertEvent(EventRow(kind: .lockedOut, time: now, text: "source \(source)"))
      }
    } catch {
      logger.error("a failed login could not be counted", metadata: ["error": "\(error)"])
    }
  }

  /// - Returns: false where the failure belongs to no registered consultant.
  private func countConsultant(_ refusal: ServiceRefusal, now: Int64) async throws -> Bool {
    guard refusal.consultant != nil || refusal.signer != nil else { return false }
    return try await ledger.perform { store in
      guard let consultant = try refusal.consultant ?? refusal.signer?.consultant(in: store) else { return false }
      var lockout = try store.lockout(.consultant(consultant)) ?? Lockout()
      let isLocking = lockout.fail(at: now)
      try store.setLockout(.consultant(consultant), lockout)
      if isLocking {
        try store.insertEvent(
          EventRow(kind: .lockedOut, consultant: consultant, time: now, text: "consultant \(consultant)"))
      }
      return true
    }
  }

  /// - Returns: what is to be written: a lockout that begins now, while there is room in this minute.
  private func countSource(_ source: String, now: Int64) -> Lockout? {
    sources.withLock { sources in
      if sources.counts[source] == nil, sources.counts.count >= Self.largestSources { sources.makeRoom(now: now) }
      guard sources.counts[source, default: Lockout()].fail(at: now) else { return nil }
      if now / 60_000 != sources.minute { (sources.minute, sources.written) = (now / 60_000, 0) }
      guard sources.written < RefusalJournal.singlyPerMinute else { return nil }
      sources.written += 1
      return sources.counts[source]
    }
  }
}

extension Lockouts.Sources {
  /// Forgets what is over, else the oldest count.
  fileprivate mutating func makeRoom(now: Int64) {
    counts = counts.filter { !$0.value.isOver(at: now) }
    guard counts.count >= Lockouts.largestSources else { return }
    if let oldest = counts.min(by: { $0.value.since < $1.value.since }) { counts[oldest.key] = nil }
  }
}

extension Certificate {
  /// The consultant that this certificate is registered for.
  fileprivate func consultant(in store: any Store) throws -> Int64? {
    guard let row = try store.certificate(fingerprint: fingerprint), case .consultant(let id) = row.holder else {
      return nil
    }
    return id
  }
}
