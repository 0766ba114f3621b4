import Bytes
import Payments

extension Writer {
  /// Records the intents of one batch.
  func record(_ batch: PaymentBatch, in round: inout Round) throws {
    try batch.bytes.withUnsafeBytes { bytes in
      for intent in batch.intents {
        let start = Int(intent.reference.start)
        let reference = UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(intent.reference.count)])
        try record(intent, reference, in: &round)
      }
    }
  }

  private func record(_ intent: Intent, _ reference: UnsafeRawBufferPointer, in round: inout Round) throws {
    let refusal: PaymentRefusal? =
      if !KeyTime.isNear(intent.key, now: round.wall) {
        .keyTimeRefused(now: round.wall)
      } else if intent.notAfter < round.now {
        .expired
      } else {
        intent.policyRefusal.map { .policy($0) }
      }
    let original = acquirer.nameSale(at: round.wall)
    let isNamed = !acquirer.namesSales || original != nil
    switch try store.insertIntent(
      intent, reference: reference, original: original, time: round.wall,
      unlessKnown: refusal ?? (isNamed ? nil : .storeUnavailable))
    {
    case .recorded(let number):
      round.started.append(
        Entry(
          intent, reference: reference, number: number, time: round.wall,
          due: round.now + acquirer.answerTimeoutMilliseconds))
      round.ask(
        AcquirerOperation(
          kind: .sale, payment: number, amount: intent.amount, currency: intent.currency,
          instalments: intent.instalments, secrets: intent.secrets, original: original))
    case .exists(let stored): repeated(intent, stored, reference, in: &round)
    case .refused(let refusal): round.refuse(intent.reply, refusal)
    }
  }

  /// The key exists: the same payment gets the same answer, another one is refused.
  private func repeated(
    _ intent: Intent, _ stored: StoredPayment, _ reference: UnsafeRawBufferPointer, in round: inout Round
  ) {
    guard Idempotency.isSame(stored, intent, reference: reference) else {
      return round.refuse(intent.reply, .keyReused)
    }
    if stored.record.outcome == .pending {
      round.joined.append((stored.record.payment, intent.reply))
    } else {
      round.tell(intent.reply, Entry(stored, due: 0, attempts: 0))
    }
  }
}
