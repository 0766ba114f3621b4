import Payments

extension Writer {
  /// Gives each loop its answers in one batch, and its empty batches back.
  func deliver(_ round: Round, reusing batches: [PaymentBatch]) {
    var back: [UInt32: [PaymentBatch]] = [:]
    for batch in batches { back[batch.loop, default: []].append(batch) }
    var batch: PaymentBatch?
    for told in round.told {
      let loop = told.answer.reply.loop
      if batch?.loop != loop { batch = Self.first(of: loop, in: &back) }
      guard let batch else { continue }
      var answer = told.answer
      withUnsafeBytes(of: told.reference) { reference in
        answer.record.reference = batch.appendBytes(
          UnsafeRawBufferPointer(rebasing: reference[..<Int(told.referenceCount)]))
      }
      batch.answers.append(answer)
    }
    for (index, batches) in back { inbox.loop(index)?.deliver(batches) }
    guard !open.waiters.isEmpty || !open.questions.isEmpty else { return }
    for number in round.settled {
      open.waiters[number] = nil
      guard let questions = open.questions.removeValue(forKey: number) else { continue }
      for question in questions { answer(question, mayWait: false) }
    }
  }

  /// The batch that takes a loop's answers.
  private static func first(of loop: UInt32, in batches: inout [UInt32: [PaymentBatch]]) -> PaymentBatch {
    if let first = batches[loop]?.first { return first }
    let batch = PaymentBatch(loop: loop)
    batches[loop] = [batch]
    return batch
  }

  /// Tells a caller whose deadline passed what is durable.
  func tell(_ overdue: Overdue, in round: inout Round) {
    let stored: StoredPayment?
    do {
      stored = try store.payment(key: overdue.key, company: overdue.company)
    } catch {
      // Unreadable: saying "nothing was recorded" could be wrong, so nothing is said and the outcome stays unknown.
      return
    }
    guard let stored else { return round.refuse(overdue.reply, .deadlineExceeded) }
    open.leave(overdue.reply, payment: stored.record.payment)
    round.tell(overdue.reply, Entry(stored, due: 0, attempts: 0))
  }

  /// Answers a question, or keeps it until there is an outcome.
  func answer(_ question: Question, mayWait: Bool = true) {
    do {
      let stored = try store.payment(key: question.key, company: question.company)
      guard var stored, stored.consultant == question.consultant else {
        // Until somebody has asked the acquirer, no key is known to be one that the lost ledger did not charge.
        let mayBeLost = store.isHeld || store.mayHaveLost(question.key)
        return question.continuation.resume(returning: mayBeLost ? .lost : .unknown)
      }
      if stored.record.outcome == .approved {
        stored.operated = OperatedState(
          try store.operations(of: stored.record.payment), of: stored.record.amount)
      }
      if mayWait, stored.record.outcome == .pending, question.until > clock.monotonic() {
        open.questions[stored.record.payment, default: []].append(question)
      } else {
        question.continuation.resume(returning: .known(stored))
      }
    } catch {
      question.continuation.resume(throwing: error)
    }
  }

  /// Answers those who waited long enough, and lets those go who gave up.
  func giveUpQuestions(now: Int64) {
    guard !open.questions.isEmpty else { return }
    for (number, questions) in open.questions {
      var (over, rest): ([Question], [Question]) = ([], [])
      for question in questions {
        if question.until <= now || question.withdrawal.isSet { over.append(question) } else { rest.append(question) }
      }
      guard !over.isEmpty else { continue }
      open.questions[number] = rest.isEmpty ? nil : rest
      for question in over {
        if question.until <= now {
          answer(question, mayWait: false)
        } else {
          question.continuation.resume(throwing: CancellationError())
        }
      }
    }
  }
}
