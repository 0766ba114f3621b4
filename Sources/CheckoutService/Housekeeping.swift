import CountersignRPC
import Ledger
import Logging
import Payments

/// What the service does by itself: tells its health, renews certificates, rotates sealing keys, ends sessions, writes counted refusals.
struct Housekeeping: Sendable {
  let folder: DataFolder
  let sealingKeys: SealingKeyRing
  let sessions: SessionTable
  let responder: StatusResponder
  let refusals: RefusalJournal
  let ledger: Ledger
  let connections: ConnectionControl
  let openPayments: OpenPaymentWatch
  let openOperations: OperationWatch
  let health: Health
  let clock: ServiceClock
  let logger: Logger

  /// Looks at the ledger every second and does the rest every minute, until cancelled.
  func run() async {
    await openOperations.look()
    var seconds = 0
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1))
      guard !Task.isCancelled else { return }
      health.set(Self.checkout, isServing: ledger.isTakingIntents)
      seconds += 1
      if seconds.isMultiple(of: 60) { await work() }
    }
  }

  /// The service that health speaks of: it serves while payments can be recorded.
  private static let checkout = "countersign.v1.Checkout"

  /// One round.
  func work() async {
    do {
      let renewed = try folder.renewCertificates(now: clock.wall() / 1_000)
      for name in renewed { logger.notice("certificate renewed", metadata: ["folder": "\(name)"]) }
      if renewed.contains("tls") { try connections.reload() }
      if renewed.contains("ocsp") { responder.use(try folder.ocspSigner()) }
      try await folder.registerAdministrator(in: ledger, now: clock.wall())
      try sealingKeys.rotate(now: clock.wall())
    } catch {
      logger.error("certificates or the sealing key could not be renewed", metadata: ["error": "\(error)"])
    }
    await endSessions()
    await expireOperations()
    await openPayments.look()
    await openOperations.look()
    await refusals.flush()
  }

  /// Refunds and voids that nobody confirmed in time.
  private func expireOperations() async {
    let now = clock.wall()
    do {
      try await ledger.perform(fromReserve: true) { store in
        for var row in try store.requestedOperations(until: now) {
          (row.state, row.since) = (OperationStateMachine.step(row.state, row.kind, .timeOver).next, now)
          try store.updateOperation(row)
          try store.insertEvent(.operation(row, time: now, ""))
        }
      }
    } catch {
      logger.error("refunds and voids whose time is over could not be recorded", metadata: ["error": "\(error)"])
    }
  }

  private func endSessions() async {
    let expired = sessions.takeExpired(now: clock.monotonic())
    guard !expired.isEmpty else { return }
    let now = clock.wall()
    do {
      try await ledger.perform(fromReserve: true) { store in
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
