import Payments

/// The writer's loop. Everything on its own thread.
///
/// One round is one transaction: other writes, answers of the acquirer, steps that are due, new intents. What was only
/// remembered changes after the commit, so that a round that fails leaves nothing behind.
final class Writer {
  let store: any Store
  let acquirer: any Acquirer
  let cards: (any CardOpener)?
  let clock: LedgerClock
  let inbox: Inbox
  private let onRefusing: @Sendable (any Error) -> Void
  private let onFatal: @Sendable (any Error) -> Void
  var open = OpenPayments()
  /// Answers that go into the next transaction.
  private var answers: [AcquirerAnswer] = []
  /// What a round that failed leaves of refunds and voids for the next one.
  private var held: (operations: [Int64], answers: [OperationAnswer]) = ([], [])
  /// The last round's storage.
  private var spareRound: Round?
  private var isFatal = false
  /// The ledger was restored and not confirmed when what is open was taken up last: there may be more.
  private var isHeld = false
  /// The last round failed before its commit.
  private var isFailing = false
  /// New payments are not taken at present.
  private var isRefusing = false
  /// Monotonic milliseconds before which no reason is given again: a store may fail many rounds in a row.
  private var nextReason: Int64 = .min

  /// Milliseconds until a store that failed is tried again.
  private static let retryWait: Int64 = 50
  /// Longest wait, so that the store may write what an idle time is for.
  private static let idleWait: Int64 = 500
  /// Milliseconds between two reasons.
  private static let reasonWait: Int64 = 10_000

  init(
    store: any Store, acquirer: any Acquirer, cards: (any CardOpener)?, clock: LedgerClock, inbox: Inbox,
    onRefusing: @escaping @Sendable (any Error) -> Void, onFatal: @escaping @Sendable (any Error) -> Void
  ) {
    self.store = store
    self.acquirer = acquirer
    self.cards = cards
    self.clock = clock
    self.inbox = inbox
    self.onRefusing = onRefusing
    self.onFatal = onFatal
  }

  func run() {
    while !isFatal {
      var work = inbox.take(waiting: wait)
      let isDrained = work.isEmpty
      let isIdle = isDrained && answers.isEmpty
      work.answers.insert(contentsOf: answers, at: 0)
      answers.removeAll(keepingCapacity: true)
      if !held.operations.isEmpty || !held.answers.isEmpty {
        work.operations.insert(contentsOf: held.operations, at: 0)
        work.operationAnswers.insert(contentsOf: held.answers, at: 0)
        held = ([], [])
      }
      round(work)
      if !isFatal, isHeld, !store.isHeld { takeUpHeld() }
      if isFatal { break }
      store.maintain(idle: isIdle)
      if isIdle, !isFailing { note(nil) }
      if isDrained, work.isStopping, answers.isEmpty || isFailing { break }
    }
    refuseAll(inbox.close(), LedgerError.stopped)
    for question in open.questions.values.joined() { question.continuation.resume(throwing: LedgerError.stopped) }
  }

  /// Milliseconds for which there is nothing to do but for what may come in.
  private var wait: Int64 {
    if isFailing { return Self.retryWait }
    guard answers.isEmpty else { return 0 }
    return open.nextStep.map { min(max(1, $0 - clock.monotonic()), Self.idleWait) } ?? Self.idleWait
  }

  /// Takes up what the last process left open.
  ///
  /// - Throws: what the store says; nothing was told to anyone.
  func recover() throws {
    isHeld = store.isHeld
    let round = try takeUp()
    try store.commit(lowWater: 0)
    remember(round)
  }

  /// Once a restored ledger is confirmed: what was open when it was copied goes on as after a start. Where the store
  /// fails, the next round tries again.
  private func takeUpHeld() {
    do {
      let round = try takeUp()
      do {
        try store.commit(lowWater: 0)
      } catch StoreError.noRoom(let text) {
        store.rollback()
        return note(StoreError.unavailable(text))
      } catch {
        isFatal = true
        return onFatal(error)
      }
      remember(round)
      isHeld = false
    } catch {
      note(error)
    }
  }

  /// Writes that what is open and not remembered goes on; in a transaction that is still to be committed.
  private func takeUp() throws -> Round {
    let (now, wall) = (clock.monotonic(), clock.wall())
    var round = Round(now: now, wall: wall)
    try store.begin()
    do {
      for payment in try store.openPayments() where !open.has(payment.stored.record.payment) {
        let entry = Entry(
          payment.stored, due: Self.due(payment, now: now, wall: wall), attempts: payment.unresolved?.attempts ?? 0)
        try apply(.restarted, nil, to: entry, in: &round)
        if !round.touched.contains(entry.record.payment) { round.moved.append(entry) }
      }
      try recoverOperations(in: &round)
    } catch {
      store.rollback()
      throw error
    }
    return round
  }

  /// Monotonic milliseconds of the next step. The wall clock may have been set meanwhile: no step waits for longer than
  /// the longest wait there is.
  private static func due(_ payment: OpenPayment, now: Int64, wall: Int64) -> Int64 {
    guard let unresolved = payment.unresolved else { return now }
    guard unresolved.nextTry < .max else { return .max }
    return now + min(max(0, unresolved.nextTry - wall), Limits.reversalLongestWaitMilliseconds)
  }

  // MARK: - One round

  private func round(_ work: Inbox.Work) {
    let (now, wall) = (clock.monotonic(), clock.wall())
    var round = spareRound.take() ?? Round(now: now, wall: wall)
    round.restart(now: now, wall: wall)
    defer { if !isFatal { spareRound = round } }
    let silent = open.silent(now: now, limit: 1_024)
    let due = open.due(now: now)
    let followUps = dueOperations(now: now)
    let hasPayments = !work.batches.isEmpty || !work.answers.isEmpty || !silent.isEmpty || !due.isEmpty
    if !hasPayments, work.jobs.isEmpty, !work.hasOperations, followUps.isEmpty {
      if isFailing { probe() }
      return afterCommit(work, &round)
    }
    do {
      try write(work, silent, due, in: &round)
      if work.hasOperations || !followUps.isEmpty { try writeOperations(work, due: followUps, in: &round) }
    } catch {
      round.eraseSecrets()
      return fail(work, error)
    }
    do {
      // Nothing is known of what is open before it was taken up.
      let lowWater = isHeld ? 0 : open.lowWater(new: round.started.first?.record.payment, leaving: round.touched)
      try store.commit(lowWater: lowWater)
    } catch StoreError.noRoom(let text) {
      round.eraseSecrets()
      return fail(work, StoreError.unavailable(text))
    } catch {
      round.eraseSecrets()
      return end(work, error)
    }
    note(nil)
    answers.append(contentsOf: round.postponed)
    remember(round)
    handOver(work, &round)
    for job in work.jobs { job.finish() }
    afterCommit(work, &round)
  }

  /// Everything of one transaction but its end.
  private func write(_ work: Inbox.Work, _ silent: [Int64], _ due: [Int64], in round: inout Round) throws {
    let intents = work.batches.reduce(0) { $0 + $1.intents.count }
    round.reserveOperations(intents + work.answers.count + silent.count + due.count)
    try store.begin()
    for job in work.jobs { try job.run(store) }
    for answer in work.answers { try take(answer, in: &round) }
    for number in silent { try step(.saleLost, number, in: &round) }
    for number in due { try step(.due, number, in: &round) }
    for batch in work.batches { try record(batch, in: &round) }
  }

  /// Gives the acquirer what is durable now; what it knows at once goes into the next transaction.
  private func handOver(_ work: Inbox.Work, _ round: inout Round) {
    if !round.operations.isEmpty || !round.outgoing.isEmpty {
      if !round.operations.isEmpty { acquirer.begin(round.operations, answered: &answers) }
      for operation in round.outgoing { acquirer.begin(operation) }
      round.eraseSecrets()
    }
    for batch in work.batches { batch.erase() }
  }

  /// Tells what is durable.
  private func afterCommit(_ work: Inbox.Work, _ round: inout Round) {
    for overdue in work.overdue { tell(overdue, in: &round) }
    for question in work.questions { answer(question) }
    giveUpQuestions(now: round.now)
    deliver(round, reusing: work.batches)
    open.tidy()
  }

  private func remember(_ round: Round) {
    for number in round.settled { open.settle(number) }
    for entry in round.started { open.start(entry) }
    for entry in round.moved { open.resolve(entry) }
    for (number, reply) in round.joined { open.waiters[number, default: []].append(reply) }
    if !round.followUps.isEmpty { remember(operations: round.followUps) }
  }

  // MARK: - Failure

  /// Nothing was written. New payments are refused before any card is charged; outcomes are tried once more without
  /// them, since they need less room, and wait for the next round where that fails too.
  private func fail(_ work: Inbox.Work, _ error: any Error) {
    store.rollback()
    var rest = work
    (rest.batches, rest.jobs) = ([], [])
    if work.batches.isEmpty, work.jobs.isEmpty {
      note(error)
      answers = work.answers
      held = (work.operations, work.operationAnswers)
      var round = Round(now: clock.monotonic(), wall: clock.wall())
      afterCommit(rest, &round)
    } else {
      refuseAll(work.batches, work.jobs, error)
      round(rest)
      note(error)
    }
  }

  /// Whether a store that failed can be written again.
  private func probe() {
    do {
      try store.begin()
      store.rollback()
      note(nil)
    } catch {
      store.rollback()
    }
  }

  /// Notes how the last round ended, and tells whether new payments are taken and why they are no longer.
  private func note(_ failure: (any Error)?) {
    isFailing = failure != nil
    let reason = failure ?? store.shortage
    guard isRefusing != (reason != nil) else { return }
    isRefusing = reason != nil
    inbox.isTakingIntents = !isRefusing
    guard let reason, clock.monotonic() >= nextReason else { return }
    nextReason = clock.monotonic() + Self.reasonWait
    onRefusing(reason)
  }

  /// Whether the commit happened is unknown: nobody is told anything, and the process must end.
  private func end(_ work: Inbox.Work, _ error: any Error) {
    isFatal = true
    onFatal(error)
    for job in work.jobs { job.fail(error) }
    for question in work.questions { question.continuation.resume(throwing: error) }
    for batch in work.batches { batch.eraseSecrets() }
  }

  private func refuseAll(_ work: Inbox.Work, _ error: any Error) {
    refuseAll(work.batches, work.jobs, error)
    for question in work.questions { question.continuation.resume(throwing: error) }
  }

  private func refuseAll(_ batches: [PaymentBatch], _ jobs: [any WriterJob], _ error: any Error) {
    for batch in batches {
      batch.refuseAll(.storeUnavailable)
      inbox.loop(batch.loop)?.deliver([batch])
    }
    for job in jobs { job.fail(error) }
  }
}
