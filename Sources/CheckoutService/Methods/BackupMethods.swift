import CountersignRPC
import Ledger
import Messages
import Payments

/// Copies of the ledger.
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

  /// Keeps the writer going until the copy has ended: it copies a step after a transaction, and an idle one waits.
  private static func finishBackup(_ file: String, _ ledger: Ledger, _ clock: ServiceClock) async {
    do {
      var done: Int64 = -1
      while let copy = try await ledger.perform({ store in store.backup }), copy.isRunning {
        // Payments come in, which have the writer go on by themselves.
        if copy.done == done { try await Task.sleep(for: .milliseconds(20)) }
        done = copy.done
      }
      let now = clock.wall()
      try await ledger.perform(fromReserve: true) { store in
        let text = store.backup?.failure.map { "\(file) failed: \($0)" } ?? "\(file) is complete"
        try store.insertEvent(EventRow(kind: .backupFinished, time: now, text: text))
      }
    } catch {
      // The service stops or its disk fails: whoever asked for the copy asks how it stands, and is told.
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
