import CountersignRPC
import Logging
import Synchronization

/// Whether every event loop has a line to the service; health tells it.
final class UpstreamState: Sendable {
  private struct State {
    var isOpen: [UInt32: Bool] = [:]
    var isServing = false
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
        if !isServing, let reason { logger.debug("the service is not reached", metadata: ["reason": "\(reason)"]) }
        return
      }
      state.isServing = isServing
      health.set("", isServing: isServing)
      if isServing {
        logger.notice("connected to the service")
      } else {
        logger.warning("the connection to the service is lost", metadata: ["reason": "\(reason.map { "\($0)" } ?? "")"])
      }
    }
  }
}
