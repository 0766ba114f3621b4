import Bytes
import Cryptography
import Ledger
import Logging
import Payments
import Synchronization

/// Asks again about the certificates of an outside authority while a session lives, and ends the session where they are
/// not good any more.
///
/// Source: docs/security.md, "Status of certificates".
final class StatusWatch: Sendable {
  /// Milliseconds between two questions.
  static let interval: Int64 = 5 * 60_000
  /// Milliseconds to the next question after one without an answer.
  static let retry: Int64 = 60_000
  /// Milliseconds for which a session goes on without an answer.
  static let patience: Int64 = 15 * 60_000

  private struct Watched {
    let paths: [VerifiedPath]
    /// Monotonic milliseconds.
    var next: Int64
    var lastGood: Int64
  }

  private let watched = Mutex<[Bytes16: Watched]>([:])
  private let authorities: Authorities
  private let status: OutsideStatus
  private let sessions: SessionTable
  private let ledger: Ledger
  private let clock: ServiceClock
  private let logger: Logger

  init(
    authorities: Authorities, status: OutsideStatus, sessions: SessionTable, ledger: Ledger, clock: ServiceClock,
    logger: Logger
  ) {
    self.authorities = authorities
    self.status = status
    self.sessions = sessions
    self.ledger = ledger
    self.clock = clock
    self.logger = logger
  }

  /// Watches a session that has just begun, where a certificate of it is of an outside authority.
  func watch(_ session: Bytes16, _ paths: [VerifiedPath]) {
    let outside = paths.filter { authorities.outside($0) != nil }
    guard !outside.isEmpty else { return }
    let now = clock.monotonic()
    watched.withLock { $0[session] = Watched(paths: outside, next: now + Self.interval, lastGood: now) }
  }

  /// Looks every second for what is due, until cancelled.
  func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1))
      guard !Task.isCancelled else { return }
      await askAgain()
    }
  }

  /// Asks about the sessions that are due, and waits for all answers.
  func askAgain() async {
    let now = clock.monotonic()
    let due = watched.withLock { watched in
      watched = watched.filter { sessions.session($0.key) != nil }
      return watched.filter { $0.value.next <= now }
    }
    await withDiscardingTaskGroup { group in
      for (session, watched) in due { group.addTask { await self.ask(session, watched) } }
    }
  }

  private func ask(_ session: Bytes16, _ former: Watched) async {
    do {
      for path in former.paths { try await status.check(path, field: "") }
      let now = clock.monotonic()
      watched.withLock {
        $0[session]?.next = now + Self.interval
        $0[session]?.lastGood = now
      }
    } catch let refusal as ServiceRefusal {
      let now = clock.monotonic()
      let isUnanswered = refusal.reason == .authorityUnreachable
      if isUnanswered, now - former.lastGood < Self.patience {
        watched.withLock { $0[session]?.next = now + Self.retry }
        logger.warning("no answer about a live session's certificate", metadata: ["cause": "\(refusal.cause)"])
      } else {
        await end(session, isUnanswered ? .noStatus : .revoked, "\(refusal.reason.rawValue): \(refusal.cause)")
      }
    } catch {
      logger.error("a certificate's status could not be asked again", metadata: ["error": "\(error)"])
    }
  }

  private func end(_ session: Bytes16, _ reason: SessionEnd, _ cause: String) async {
    sessions.end(session, reason, now: clock.monotonic())
    watched.withLock { $0[session] = nil }
    let now = clock.wall()
    do {
      try await ledger.perform(fromReserve: true) { store in
        try store.endSession(session, reason: reason, time: now)
        try store.insertEvent(EventRow(kind: .sessionEnded, session: session, time: now, text: "\(reason), \(cause)"))
      }
    } catch {
      logger.error("the end of a session could not be journaled", metadata: ["error": "\(error)"])
    }
  }
}
