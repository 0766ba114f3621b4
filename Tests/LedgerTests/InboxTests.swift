import Payments
import Testing

@testable import Ledger

/// When jobs of idle times are taken.
@Suite(.timeLimit(.minutes(1))) struct InboxTests {
  @Test func aJobOfIdleTimesIsTakenOnceNothingElseWaits() {
    let inbox = Inbox()
    #expect(inbox.addIdle(NoJob()))
    inbox.add(operation: 1)
    #expect(inbox.take(waiting: 0, isIdle: true).jobs.isEmpty)
    #expect(inbox.take(waiting: 0, isIdle: true).jobs.count == 1)
    #expect(inbox.take(waiting: 0, isIdle: true).isEmpty)
  }

  @Test func aJobOfIdleTimesDoesNotStarveWhereTheWriterIsNeverIdle() {
    let inbox = Inbox()
    #expect(inbox.addIdle(NoJob()))
    var work = Inbox.Work()
    repeat {
      inbox.add(operation: 1)
      work = inbox.take(waiting: 0, isIdle: false)
      #expect(work.operations == [1])
    } while work.jobs.isEmpty
    #expect(work.jobs.count == 1)
  }

  @Test func nothingIsWrittenForAJobOfIdleTimesWhileTheStoreFails() async throws {
    let inbox = Inbox()
    #expect(inbox.addIdle(NoJob()))
    try await Task.sleep(for: .milliseconds(300))
    #expect(inbox.take(waiting: 0, isIdle: true, isFailing: true).isEmpty)
    #expect(inbox.take(waiting: 0, isIdle: true).jobs.count == 1)
  }
}

private final class NoJob: WriterJob {
  func run(_ store: any Store) {}
  func finish() {}
  func fail(_ error: any Error) {}
}
