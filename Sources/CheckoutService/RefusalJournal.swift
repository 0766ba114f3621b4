import CountersignRPC
import Ledger
import Logging
import Payments
import Synchronization

/// Writes refusals into the journal before the peer is told: no answer without its record.
///
/// Refusals of peers with no verified signature or proof are written singly up to 100 a minute for the server and 10
/// for a source; the rest becomes one record a minute for each reason and source, so that nobody fills the disk.
///
/// Source: docs/security.md, "Audit".
final class RefusalJournal: Sendable {
  static let singlyPerMinute = 100
  static let singlyPerSource = 10
  /// Sources told apart in one minute; more are counted together.
  static let largestSources = 1_000

  private struct Counted: Hashable {
    let source: String
    let reason: RefusalReason
  }
  private struct Minute {
    var singly = 0
    var bySource: [String: Int] = [:]
    var counted: [Counted: Int] = [:]
  }

  private let minute = Mutex(Minute())
  private let ledger: Ledger
  private let clock: ServiceClock
  private let logger: Logger

  init(ledger: Ledger, clock: ServiceClock, logger: Logger) {
    self.ledger = ledger
    self.clock = clock
    self.logger = logger
  }

  /// Runs a call; a refusal is journaled and becomes the status that the peer gets.
  func journaling<R: Sendable>(
    _ kind: EventKind, _ context: ServerContext, _ body: () async throws -> R
  ) async throws -> R {
    do {
      return try await body()
    } catch let refusal as ServiceRefusal {
      throw await status(for: refusal, kind, source: context.source)
    } catch StoreError.unavailable(let cause) {
      logger.error("store unavailable", metadata: ["cause": "\(cause)"])
      throw ServiceRefusal(.storeUnavailable, cause: cause).status
    }
  }

  /// Journals a refusal and gives the status to answer with.
  func status(for refusal: ServiceRefusal, _ kind: EventKind, source: String) async -> RPCStatus {
    guard refusal.consultant != nil || mayWriteSingly(refusal.reason, source) else { return refusal.status }
    let row = EventRow(
      kind: kind, consultant: refusal.consultant, time: clock.wall(),
      text: "\(refusal.reason.rawValue) from \(source): \(PeerText.cause(refusal.cause))")
    do {
      _ = try await ledger.perform { store in try store.insertEvent(row) }
      return refusal.status
    } catch {
      logger.error("a refusal could not be journaled", metadata: ["error": "\(error)"])
      return ServiceRefusal(.storeUnavailable).status
    }
  }

  /// Writes what was only counted. Called once a minute and at the end.
  func flush() async {
    let counted = minute.withLock { minute in
      let counted = minute.counted
      minute = Minute()
      return counted
    }
    guard !counted.isEmpty else { return }
    let now = clock.wall()
    do {
      try await ledger.perform { store in
        for (what, count) in counted {
          try store.insertEvent(
            EventRow(
              kind: .refusalsCounted, time: now, text: "\(count) times \(what.reason.rawValue) from \(what.source)"))
        }
      }
    } catch {
      logger.error("counted refusals could not be journaled", metadata: ["error": "\(error)"])
    }
  }

  private func mayWriteSingly(_ reason: RefusalReason, _ source: String) -> Bool {
    minute.withLock { minute in
      let known = minute.bySource[source] ?? 0
      let isRoom = minute.bySource.count < Self.largestSources || known > 0
      if minute.singly < Self.singlyPerMinute, known < Self.singlyPerSource, isRoom {
        minute.singly += 1
        minute.bySource[source] = known + 1
        return true
      }
      minute.counted[Counted(source: isRoom ? source : "others", reason: reason), default: 0] += 1
      return false
    }
  }
}
