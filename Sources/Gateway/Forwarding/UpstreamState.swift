import CountersignRPC
import Logging
import Synchronization

/// Whether every event loop has a line to the service, and the service takes the gateway as its company's; health tells
/// it. TLS alone does not: a revoked certificate is shown as any other.
final class UpstreamState: Sendable {
  fileprivate struct State {
    var isOpen: [UInt32: Bool] = [:]
    /// What the service said last of the certificate that it was shown; false until it has answered.
    var isAdmitted = false
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
      // Not where a line with a former certificate ends beside those with the present one.
      if !isOpen, reason?.reason == Self.revoked { state.isAdmitted = false }
      update(&state, reason.map { ("the service is not reached", $0) })
    }
  }

  /// The service has answered the gateway as one of a company.
  func admit() {
    state.withLock { state in
      state.isAdmitted = true
      update(&state, nil)
    }
  }

  /// The service has refused the gateway's certificate.
  func refuse(_ status: RPCStatus) {
    // One name for it in the log, whether it was found at the start or ended a connection.
    let reason =
      status.reason == "REVOKED"
      ? RPCStatus(status.code, "the company's certificate is revoked; ask an administrator", reason: Self.revoked)
      : status
    state.withLock { state in
      state.isAdmitted = false
      update(&state, ("the service refuses this gateway", reason))
    }
  }

  /// Of the GOAWAY that ends a revoked certificate's connections.
  private static let revoked = "CERTIFICATE_REVOKED"

  private func update(_ state: inout State, _ fault: (text: Logger.Message, reason: RPCStatus)?) {
    let isOpen = state.isOpen.count == loops && state.isOpen.values.allSatisfy(\.self)
    let isServing = isOpen && state.isAdmitted
    guard isServing != state.isServing else {
      if !isServing, let fault { state.warn(fault.text, fault.reason, logger) }
      return
    }
    state.isServing = isServing
    health.set("", isServing: isServing)
    if isServing {
      state.cause = ""
      logger.notice("connected to the service")
    } else {
      let text = isOpen ? fault?.text : nil
      state.warn(text ?? "the connection to the service is lost", fault?.reason, logger)
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
