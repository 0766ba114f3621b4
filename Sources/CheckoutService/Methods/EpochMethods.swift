import Bytes
import CountersignRPC
import Ledger
import Messages
import Payments

/// What a restored ledger goes on from. Source: docs/operations.md, "Backup".
extension AdminCalls {
  func recordReconciliation(
    _ request: RecordReconciliationRequest, context: ServerContext
  ) async throws -> RecordReconciliationReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let file = try Self.text(request.file, field: "file")
      guard let digest = Bytes32(request.digest) else {
        throw ServiceRefusal(.invalidField, field: "digest", description: "must be the 32 bytes of SHA-256")
      }
      let times = try TimePeriod.range(request.fromMs, request.toMs, field: "to_ms")
      let now = clock.wall()
      let text =
        "\(file), SHA-256 \(Hex.encode(digest.bytes)), from \(times.lowerBound) to \(times.upperBound): "
        + "\(request.lines) lines, \(request.entries) entries, \(request.differences) differences, by \(administrator)"
      return try await ledger.perform { store in
        var reply = RecordReconciliationReply()
        let number = try store.insertEvent(EventRow(kind: .reconciled, time: now, text: text))
        reply.number = UInt64(number)
        if let epoch = try store.epoch(), epoch.confirmed == nil, epoch.isAbout(times) {
          try store.setReconciliation(number)
          reply.epoch = UInt32(clamping: epoch.number)
        }
        return reply
      }
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
      let reason = request.withoutReconciliation
      if !reason.isEmpty { _ = try Self.text(reason, field: "without_reconciliation") }
      let comment =
        reason.isEmpty || !request.comment.isEmpty ? try Self.text(request.comment, field: "comment") : ""
      let now = clock.wall()
      return Epoch(
        try await ledger.perform { store in
          guard let epoch = try store.epoch(), epoch.confirmed == nil else {
            throw ServiceRefusal(.epochNotWaiting, cause: "asked by \(administrator)")
          }
          guard epoch.reconciliation != nil || !reason.isEmpty else {
            throw ServiceRefusal(.reconciliationRequired, cause: "epoch \(epoch.number), asked by \(administrator)")
          }
          try store.confirmEpoch(time: now)
          let ground =
            reason.isEmpty
            ? "reconciled by record \(epoch.reconciliation ?? 0)" : "without reconciliation: \(reason)"
          let said = [ground, comment].filter { !$0.isEmpty }.joined(separator: "; ")
          try store.insertEvent(
            EventRow(kind: .epochConfirmed, time: now, text: "epoch \(epoch.number), by \(administrator), \(said)"))
          return try store.epoch()
        })
    }
  }

  /// What an administrator writes into the journal.
  private static func text(_ text: String, field: String) throws(ServiceRefusal) -> String {
    guard (1...256).contains(text.utf8.count), !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw ServiceRefusal(
        .invalidField, field: field, description: "must be 1 to 256 bytes without control characters")
    }
    return text
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
    id = (epoch?.id ?? Bytes16(high: 0, low: 0)).bytes
    reconciliation = UInt64(clamping: epoch?.reconciliation ?? 0)
  }
}
