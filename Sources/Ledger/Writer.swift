import Payments

/// The writer's loop. Everything on its own thread.
///
/// One round is one transaction: other writes, answers of the acquirer, steps that are due, new intents. What was only
/// remembered changes after the commit, so that a round that fails leaves nothing behind.
final class Writer {
  let store: any Store
  let acquirer: any Acquirer
  let clock: LedgerClock
  let inbox: Inbox
  private let onFatal: @Sendable (any Error) -> Void
  var open = OpenPayments()
  /// Answers that go into the next transaction.
  private var answers: [AcquirerAnswer] = []
  private var isFatal = false
  /// The last round failed before its commit.
  private var isFailing = false

  /// Longest wait while payments are open, in milliseconds: how late a step may be.
  private static let tick: Int64 = 50
  /// Longest wait while nothing is open.
  private static let idleTick: Int64 = 500

  init(
    store: any Store, acquirer: any Acquirer, clock: LedgerClock, inbox: Inbox,
    onFatal: @escaping @Sendable (any Error) -> Void
  ) {
    self.store = store
    self.acquirer = acquirer
    self.clock = clock
    self.inbox = inbox
    self.onFatal = onFatal
  }

  func run() {
    while !isFatal {
      let isOpen = !open.isEmpty || !answers.isEmpty
      let wait = !isOpen ? Self.idleTick : answers.isEmpty || isFailing ? Self.tick : 0
      var work = inbox.take(waiting: wait)
      work.answers.insert(contentsOf: answers, at: 0)
      answers.removeAll(keepingCapacity: true)
      let isIdle = work.isEmpty
      round(work)
      if isFatal { break }
      store.maintain(idle: isIdle)
      if isIdle, work.isStopping, answers.isEmpty || isFailing { break }
    }
    refuseAll(inbox.close(), LedgerError.stopped)
    for question in open.questions.values.joined() { question.continuation.resume(throwing: LedgerError.stopped) }
  }

  /// Takes up what the last process left open.
  ///
  /// - Throws: what the store says; nothing was told to anyone.
  func recover() throws {
    let (now, wall) = (clock.monotonic(), clock.wall())
    var round = Round(now: now, wall: wall)
    try store.begin()
    do {
      for payment in try store.openPayments() {
        let wait = min(max(0, (payment.unresolved?.nextTry ?? 0) - wall), Limits.reversalLongestWaitMilliseconds)
        let entry = Entry(payment.stored, due: now + wait, attempts: payment.unresolved?.attempts ?? 0)
        try apply(.restarted, nil, to: entry, in: &round)
        if !round.touched.contains(entry.record.payment) { round.moved.append(entry) }
      }
    } catch {
      store.rollback()
      throw error
    }
    try store.commit(lowWater: 0)
    remember(round)
  }

  // MARK: - One round

  private func round(_ work: Inbox.Work) {
    let now = clock.monotonic()
    var round = Round(now: now, wall: clock.wall())
    let silent = open.silent(now: now, limit: 1_024)
    let due = open.due(now: now)
    if work.batches.isEmpty, work.jobs.isEmpty, work.answers.isEmpty, silent.isEmpty, due.isEmpty {
      return afterCommit(work, &round)
    }
    do {
      try store.begin()
      for job in work.jobs { job.run(store) }
      for answer in work.answers { try take(answer, in: &round) }
      for number in silent { try step(.saleLost, number, in: &round) }
      for number in due { try step(.due, number, in: &round) }
      for batch in work.batches { try record(batch, in: &round) }
    } catch {
      return fail(work, error)
    }
    do {
      try store.commit(lowWater: open.lowWater(new: round.started.first?.record.payment, leaving: round.leaving))
    } catch {
      return end(work, error)
    }
    setFailing(false)
    answers.append(contentsOf: round.postponed)
    remember(round)
    handOver(work, &round)
    for job in work.jobs { job.finish() }
    afterCommit(work, &round)
  }

  /// Gives the acquirer what is durable now; what it knows at once goes into the next transaction.
  private func handOver(_ work: Inbox.Work, _ round: inout Round) {
    if !round.operations.isEmpty {
      acquirer.begin(round.operations, answered: &answers)
      for index in round.operations.indices { round.operations[index].secrets.erase() }
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
    for number in round.settled {
      open.started[number] = nil
      open.resolving[number] = nil
    }
    for entry in round.started { open.start(entry) }
    for entry in round.moved {
      open.started[entry.record.payment] = nil
      open.resolving[entry.record.payment] = entry
    }
    for (number, reply) in round.joined { open.waiters[number, default: []].append(reply) }
  }

  // MARK: - Failure

  /// Nothing was written: new payments are refused before any card is charged, answers wait for the next round.
  private func fail(_ work: Inbox.Work, _ error: any Error) {
    store.rollback()
    setFailing(true)
    answers = work.answers
    var rest = Inbox.Work()
    (rest.batches, rest.jobs) = (work.batches, work.jobs)
    refuseAll(rest, error)
    var told = Inbox.Work()
    (told.overdue, told.questions) = (work.overdue, work.questions)
    var round = Round(now: clock.monotonic(), wall: clock.wall())
    afterCommit(told, &round)
  }

  private func setFailing(_ isFailing: Bool) {
    guard self.isFailing != isFailing else { return }
    self.isFailing = isFailing
    inbox.isTakingIntents = !isFailing
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
    var round = Round(now: clock.monotonic(), wall: clock.wall())
    for batch in work.batches {
      for intent in batch.intents { round.refuse(intent.reply, .storeUnavailable) }
      batch.erase()
    }
    for job in work.jobs { job.fail(error) }
    for question in work.questions { question.continuation.resume(throwing: error) }
    deliver(round, reusing: work.batches)
  }
}
