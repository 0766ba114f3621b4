import MessageRuntime
import NIOCore
import Synchronization

/// An `async` call while it runs. Used on its event loop only.
final class AsyncCall {
  /// Why its task was cancelled.
  enum Ending {
    case cancelled
    case deadline
  }

  let deadline: UInt64
  private let task: Task<Void, Never>
  private var ending: Ending?

  init(deadline: UInt64, task: Task<Void, Never>) {
    self.deadline = deadline
    self.task = task
  }

  /// Asks the method to stop; its answer is still awaited.
  func end(_ ending: Ending) {
    guard self.ending == nil else { return }
    self.ending = ending
    task.cancel()
  }

  /// The status for what a method threw; nil: the server's own fault, for the log.
  func status(for error: any Error) -> RPCStatus? {
    switch error {
    case let status as RPCStatus: status
    case let failure as DecodingFailure: .messageInvalid("\(failure)")
    case is CancellationError: ending.map { $0 == .deadline ? .deadlineExceeded : .cancelled }
    default: nil
    }
  }
}

/// Carries the results of `async` calls to their loop, many at a time: one wake-up for all that is there.
final class AsyncResults: Sendable {
  struct Entry: Sendable {
    let call: InLoopCall
    let result: Result<[UInt8], any Error>
  }

  private let waiting = Mutex<[Entry]>([])
  private let eventLoop: any EventLoop
  private let deliver: @Sendable () -> Void

  /// - Parameter deliver: called on the loop; takes what is there with `takeAll`.
  init(eventLoop: any EventLoop, deliver: @escaping @Sendable () -> Void) {
    self.eventLoop = eventLoop
    self.deliver = deliver
  }

  /// Hands over one result from any thread.
  func add(_ call: InLoopCall, _ result: Result<[UInt8], any Error>) {
    let isFirst = waiting.withLock { entries in
      entries.append(Entry(call: call, result: result))
      return entries.count == 1
    }
    if isFirst { eventLoop.execute(deliver) }
  }

  /// What has come since the last time.
  func takeAll() -> [Entry] {
    waiting.withLock { entries in
      defer { entries = [] }
      return entries
    }
  }
}
