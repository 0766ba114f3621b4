import CountersignRPC
import Logging
import Synchronization

/// Whether every event loop has a line to the service; health tells it.
final class UpstreamState: Sendable {
  fileprivate struct State {
    var isOpen: [UInt32: Bool] = [:]
    var isServing = false
    /// What the last warning said, without its numbers.
    var cause = ""
  }

  private let state = Mutex(State())
  private let health: Health
  private let logger: Logger
  private let loops: Int

  init(loops: Int, health: Health, logger: Logger) {
    self.loops = loops
    self.health = health
    self.logger = logger
    health.set("", isServing: false)
  }

  /// Tells what an event loop has now.
  func set(loop: UInt32, isOpen: Bool, _ reason: RPCStatus?) {
    state.withLock { state in
      state.isOpen[loop] = isOpen
      let isServing = state.isOpen.count == loops && state.isOpen.values.allSatisfy(\.self)
      guard isServing != state.isServing else {
        if !isServing, let reason { state.warn("the service is not reached", reason, logger) }
        return
      }
      state.isServing = isServing
      health.set("", isServing: isServing)
      if isServing {
        state.cause = ""
        logger.notice("connected to the service")
      } else {
        state.warn("the connection to the service is lost", reason, logger)
      }
    }
  }
}

extension UpstreamState.State {
  /// Attempts follow each other within seconds, so only the first of those that fail for one cause is a warning.
  fileprivate mutating func warn(_ text: Logger.Message, _ reason: RPCStatus?, _ logger: Logger) {
    let words = reason.map { "\($0)" } ?? ""
    let cause = words.filter { !$0.isNumber }
    logger.log(level: cause == self.cause ? .debug : .warning, text, metadata: ["reason": "\(words)"])
    self.cause = cause
  }
}
