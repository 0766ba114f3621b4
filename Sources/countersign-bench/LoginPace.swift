import CountersignClient
import CountersignRPC
import NIOCore

/// Full logins at a steady rate, each with its second identity, beside something else that is measured.
struct LoginPace {
  /// Consultants that log in by turns, each over its own connection.
  static let workers = 16

  private let start = NIODeadline.now()
  private let tasks: [Task<Int, any Error>]

  /// - Parameter perSecond: of all workers together; 0: none.
  init(_ terminals: [Terminal], perSecond: Int) throws {
    let start = start
    tasks = try terminals.enumerated().map { index, terminal in
      let channel = try terminal.connect()
      return Task {
        defer { channel.closeSoon() }
        var count = 0
        while true {
          let due = start + .nanoseconds(Int64(index + count * Self.workers) * 1_000_000_000 / Int64(perSecond))
          let wait = (due - NIODeadline.now()).nanoseconds
          do {
            if wait > 0 { try await Task.sleep(for: .nanoseconds(wait)) }
          } catch {
            return count
          }
          if Task.isCancelled { return count }
          _ = try await terminal.login(over: channel)
          count += 1
        }
      }
    }
  }

  /// Ends them and gives the logins that were made in a second.
  func stop() async throws -> Int64 {
    let nanoseconds = max(1, (NIODeadline.now() - start).nanoseconds)
    for task in tasks { task.cancel() }
    var count = 0
    for task in tasks {
      do {
        count += try await task.value
      } catch let status as RPCStatus where status.code == .cancelled {
        // The last one was under way.
      } catch TerminalError.refused(let status) where status.code == .cancelled {
        // As above.
      }
    }
    return Int64(count) * 1_000_000_000 / nanoseconds
  }
}
