import Ledger
import Logging
import Payments

/// What the service does by itself: rotates sealing keys, ends sessions, writes counted refusals.
struct Housekeeping: Sendable {
  let sealingKeys: SealingKeyRing
  let sessions: SessionTable
  let refusals: RefusalJournal
  let ledger: Ledger
  let clock: ServiceClock
  let logger: Logger

  /// Works every minute until cancelled.
  func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(60))
      guard !Task.isCancelled else { return }
      await work()
    }
  }

  /// One round.
  func work() async {
    do {
      try sealingKeys.rotate(now: clock.wall())
    } catch {
      logger.error("the sealing key could not be rotated", metadata: ["error": "\(error)"])
    }
    await endSessions()
    await refusals.flush()
  }

  private func endSessions() async {
    let expired = sessions.takeExpired(now: clock.monotonic())
    guard !expired.isEmpty else { return }
    let now = clock.wall()
    do {
      try await ledger.perform { store in
        for (id, reason) in expired {
          try store.endSession(id, reason: reason, time: now)
          try store.insertEvent(EventRow(kind: .sessionEnded, session: id, time: now, text: "\(reason)"))
        }
      }
    } catch {
      logger.error("the end of sessions could not be journaled", metadata: ["error": "\(error)"])
    }
  }
}
