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
      let charged = try Self.charged(request)
      let now = clock.wall()
      let text =
        "\(file), SHA-256 \(Hex.encode(digest.bytes)), from \(times.lowerBound) to \(times.upperBound): "
        + "\(request.lines) lines, \(request.entries) entries, \(request.differences) differences"
        + (charged.isEmpty ? "" : ", \(Self.counted(charged.count)) charged") + ", by \(administrator)"
      return try await ledger.perform { store in
        var reply = RecordReconciliationReply()
        let number = try store.insertEvent(EventRow(kind: .reconciled, time: now, text: text))
        reply.number = UInt64(number)
        guard let epoch = try store.epoch(), epoch.confirmed == nil else { return reply }
        try store.setCharged(charged, recordedIn: times)
        reply.waitingEpoch = UInt32(clamping: epoch.number)
        (reply.lostSinceMs, reply.begunMs) = (UInt64(clamping: epoch.lostSince), UInt64(clamping: epoch.begun))
        guard epoch.isAbout(times) else { return reply }
        try store.setReconciliation(number)
        reply.epoch = reply.waitingEpoch
        return reply
      }
    }
  }

  func getEpoch(_ request: GetEpochRequest, context: ServerContext) async throws -> Epoch {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      return try await ledger.perform { store in
        var epoch = Epoch(try store.epoch())
        epoch.charged = UInt32(try store.chargedPayments().count)
        return epoch
      }
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
      return try await ledger.perform { store in
        guard let epoch = try store.epoch(), epoch.confirmed == nil else {
          throw ServiceRefusal(.epochNotWaiting, cause: "asked by \(administrator)")
        }
        guard epoch.reconciliation != nil || !reason.isEmpty else {
          throw ServiceRefusal(
            .reconciliationRequired, field: "without_reconciliation",
            description: "may be empty once a reconcile begins at \(TimeText.instant(epoch.begun)) or before and ends "
              + "after \(TimeText.instant(epoch.lostSince)): what came between is lost",
            cause: "epoch \(epoch.number), asked by \(administrator)")
        }
        var settled = 0
        for charged in try store.chargedPayments() where try Self.settle(charged, at: now, in: store) { settled += 1 }
        try store.confirmEpoch(time: now)
        var said = [
          reason.isEmpty ? "reconciled by record \(epoch.reconciliation ?? 0)" : "without reconciliation: \(reason)",
          comment,
        ]
        if settled > 0 { said.append("\(Self.counted(settled)) charged according to the acquirer's file") }
        let text = "epoch \(epoch.number), by \(administrator), " + said.filter { !$0.isEmpty }.joined(separator: "; ")
        try store.insertEvent(EventRow(kind: .epochConfirmed, time: now, text: text))
        var reply = Epoch(try store.epoch())
        reply.charged = UInt32(settled)
        return reply
      }
    }
  }

  private static func counted(_ open: Int) -> String { "\(open) open payment\(open == 1 ? "" : "s")" }

  /// Takes the acquirer's word for a payment that was open in the copy, as it is taken of one after a start: what the
  /// ledger that was lost has told of it is not known, and a reversal would take back what was told as approved.
  ///
  /// - Returns: false where it is not open, or a reversal was sent.
  private static func settle(_ charged: Payments.ChargedPayment, at now: Int64, in store: any Store) throws -> Bool {
    guard let stored = try store.payment(number: charged.payment) else { return false }
    let waiting = PaymentStateMachine.step(PaymentSituation(stored.record), .restarted, canInquire: true).next
    let step = PaymentStateMachine.step(waiting, .inquiryApproved, canInquire: true)
    guard step.action == .settle else { return false }
    try store.insertEvent(
      EventRow(
        kind: .paymentState, payment: charged.payment, time: now,
        text: "\(waiting.state.name), charged according to the acquirer's file"))
    try store.insertOutcome(
      OutcomeRow(
        payment: charged.payment, state: step.next.state, approvalCode: charged.approvalCode, responseCode: .none,
        time: now))
    try store.clearUnresolved(payment: charged.payment)
    return true
  }

  private static func charged(
    _ request: RecordReconciliationRequest
  ) throws(ServiceRefusal) -> [Payments.ChargedPayment] {
    var payments: [Payments.ChargedPayment] = []
    for charged in request.charged.flatMap(\.payments) {
      guard let code = ApprovalCode(text: charged.approvalCode) else {
        throw ServiceRefusal(
          .invalidField, field: "charged.payments.approval_code",
          description: "must be at most 8 printable ASCII characters, of payment \(charged.payment)")
      }
      payments.append(Payments.ChargedPayment(payment: Int64(clamping: charged.payment), approvalCode: code))
    }
    return payments
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
    lostSinceMs = UInt64(clamping: epoch?.lostSince ?? 0)
  }
}
