import Bytes
import CountersignRPC
import Ledger
import Messages
import Payments

/// Copies of the ledger and epochs.
extension AdminCalls {
  func startBackup(_ request: StartBackupRequest, context: ServerContext) async throws -> BackupState {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let file = request.file
      guard file.hasPrefix("/"), file.utf8.count <= 4_096, !file.utf8.contains(where: { $0 < 0x20 }) else {
        throw ServiceRefusal(
          .invalidField, field: "file", description: "must be an absolute path on the service's machine")
      }
      let now = clock.wall()
      let state = try await ledger.perform { store in
        try store.insertEvent(EventRow(kind: .backupStarted, time: now, text: "\(file), by \(administrator)"))
        do {
          try store.beginBackup(to: file)
        } catch {
          throw ServiceRefusal(.invalidField, field: "file", description: "\(error)")
        }
        return store.backup
      }
      Task { [ledger, clock] in await Self.finishBackup(file, ledger, clock) }
      return BackupState(state)
    }
  }

  func getBackup(_ request: GetBackupRequest, context: ServerContext) async throws -> BackupState {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      return BackupState(try await ledger.perform { store in store.backup })
    }
  }

  /// Keeps the writer going until the copy has ended: it copies a step after each transaction, and an idle one waits.
  private static func finishBackup(_ file: String, _ ledger: Ledger, _ clock: ServiceClock) async {
    do {
      while try await ledger.perform({ store in store.backup?.isRunning ?? false }) {}
      let now = clock.wall()
      try await ledger.perform(fromReserve: true) { store in
        let text = store.backup?.failure.map { "\(file) failed: \($0)" } ?? "\(file) is complete"
        try store.insertEvent(EventRow(kind: .backupFinished, time: now, text: text))
      }
    } catch {
      // The service stops or its disk fails: whoever asked for the copy asks how it stands, and is told.
    }
  }

  func getEpoch(_ request: GetEpochRequest, context: ServerContext) async throws -> Epoch {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      return Epoch(try await ledger.perform { store in try store.epoch() })
    }
  }

  func confirmEpoch(_ request: ConfirmEpochRequest, context: ServerContext) async throws -> Epoch {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let comment = request.comment
      guard (1...256).contains(comment.utf8.count), !comment.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
        throw ServiceRefusal(
          .invalidField, field: "comment", description: "must be 1 to 256 bytes without control characters")
      }
      let now = clock.wall()
      return Epoch(
        try await ledger.perform { store in
          guard let epoch = try store.epoch(), epoch.confirmed == nil else { return try store.epoch() }
          try store.confirmEpoch(time: now)
          try store.insertEvent(
            EventRow(
              kind: .epochConfirmed, time: now, text: "epoch \(epoch.number), by \(administrator): \(comment)"))
          return try store.epoch()
        })
    }
  }
}

extension BackupState {
  init(_ progress: BackupProgress?) {
    self.init()
    guard let progress else { return }
    file = progress.path
    isRunning = progress.isRunning
    pagesDone = UInt64(clamping: progress.done)
    pages = UInt64(clamping: progress.pages)
    failure = progress.failure.map { "\($0)" } ?? ""
  }
}

extension Epoch {
  init(_ epoch: LedgerEpoch?) {
    self.init()
    number = UInt32(clamping: epoch?.number ?? 1)
    begunMs = UInt64(clamping: epoch?.begun ?? 0)
    headLast = UInt64(clamping: epoch?.headLast ?? 0)
    headDigest = (epoch?.headDigest ?? .zero).bytes
    isConfirmed = epoch.map { $0.confirmed != nil } ?? true
  }
}
