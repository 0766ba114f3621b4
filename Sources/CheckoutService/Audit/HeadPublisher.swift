import Audit
import CountersignRPC
import Logging
import Payments
import StorageSQLite

/// Brings heads to where whoever can write the ledger cannot write: a folder, and companies' HTTPS addresses.
///
/// Reads committed heads on a connection of its own. Nothing of it holds a payment up; what fails is logged and tried
/// again. Source: docs/audit.md, "Files of heads".
struct HeadPublisher: Sendable {
  /// Milliseconds between two looks for heads for the folder.
  private static let interval: Int64 = 1_000
  /// Milliseconds between two tries where the folder cannot be used.
  private static let retry: Int64 = 10_000
  /// Milliseconds after which a receiver's position is kept.
  private static let keeping: Int64 = 60_000
  /// Longest wait before a company's server that fails is tried again, milliseconds.
  private static let longestWait: Int64 = 300_000

  /// Where the files of heads are.
  let folder: String
  let receivers: [HeadReceiver]
  let reader: AuditReader
  let clock: ServiceClock
  let logger: Logger

  /// Works until cancelled.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await keepInFolder() }
      for receiver in receivers { group.addTask { await post(to: receiver) } }
    }
  }

  // MARK: - Folder

  private func keepInFolder() async {
    var isFailing = false
    var log: HeadLog?
    while !Task.isCancelled {
      do {
        if log == nil { log = try await openLog() }
        try await append(to: &log)
        if isFailing { logger.notice("heads are kept again", metadata: ["folder": "\(folder)"]) }
        isFailing = false
      } catch {
        if !isFailing { logger.error("heads cannot be kept", metadata: ["error": "\(error)"]) }
        (isFailing, log) = (true, nil)
      }
      try? await Task.sleep(for: .milliseconds(isFailing ? Self.retry : Self.interval))
    }
  }

  /// Keeps what the ledger's end has left; called when the ledger is closed.
  func finish() async {
    do {
      var log: HeadLog? = try await openLog()
      try await append(to: &log)
    } catch {
      logger.error("the last heads could not be kept", metadata: ["error": "\(error)"])
    }
  }

  private func append(to log: inout HeadLog?) async throws {
    while log != nil {
      let heads = try await reader.heads(after: log?.last?.last ?? 0, limit: HeadReceiver.largestPost)
      try log?.append(heads)
      guard heads.count == HeadReceiver.largestPost else { return }
    }
  }

  /// - Throws: ``HeadsDiffer`` where the ledger does not go on from the heads that are kept: it was cut off, put back
  ///   from an older copy, or written anew.
  private func openLog() async throws -> HeadLog {
    let log = try HeadLog(folder: folder)
    if let last = log.last, try await reader.head(over: last.last)?.signed != last.signed {
      throw HeadsDiffer(folder: folder, last: last.last)
    }
    return log
  }

  // MARK: - Receivers

  private func post(to receiver: HeadReceiver) async {
    var (position, kept): (Int64?, Int64?) = (nil, nil)
    var (nextKeeping, failures) = (clock.monotonic(), 0)
    var backoff = Backoff()
    (backoff.first, backoff.longest) = (UInt64(receiver.interval) * 1_000_000, UInt64(Self.longestWait) * 1_000_000)
    while !Task.isCancelled {
      do {
        if position == nil {
          kept = try receiver.position()
          // A new receiver begins with the newest head, which vouches for all before it.
          position = if let kept { kept } else { try await reader.lastHead().map { $0.first - 1 } ?? 0 }
        }
        let heads = try await reader.heads(after: position ?? 0, limit: HeadReceiver.largestPost)
        if !heads.isEmpty { try await receiver.send(heads) }
        position = heads.last?.last ?? position
        if failures > 0 { logger.notice("heads are posted again", metadata: ["receiver": "\(receiver.name)"]) }
        failures = 0
        if position != kept, clock.monotonic() >= nextKeeping, let position {
          try receiver.keep(position: position)
          (kept, nextKeeping) = (position, clock.monotonic() + Self.keeping)
        }
        if heads.count < HeadReceiver.largestPost { try await Task.sleep(for: .milliseconds(receiver.interval)) }
      } catch is CancellationError {
        break
      } catch {
        failures += 1
        logger.warning(
          "heads cannot be posted", metadata: ["receiver": "\(receiver.name)", "error": "\(error)"])
        let wait = backoff.delay(failures: failures, random: .random(in: 0...1))
        try? await Task.sleep(for: .nanoseconds(Int64(clamping: wait)))
      }
    }
    // Where this fails, heads come twice, which harms nobody.
    if let position, position != kept { try? receiver.keep(position: position) }
  }
}

/// The ledger does not go on from the heads that were kept.
struct HeadsDiffer: Error, CustomStringConvertible {
  let folder: String
  let last: Int64

  var description: String {
    "the ledger does not have the head over record \(last) that \(folder) ends with: records were cut off or an older "
      + "copy was put back; find out with countersign-server audit verify --against \(folder), then move its files away"
  }
}
