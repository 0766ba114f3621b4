import CountersignRPC
import Logging
import Messages
import Policy
import Synchronization

/// Asks the service what the company allows: at the start until it answers, then every so often, and after a reload.
///
/// The service holds every login and payment to the same policy itself: what the gateway does not know yet costs a
/// forwarded call, and never lets one through.
final class PolicyWatch: Sendable {
  private let rules: CurrentRules
  private let interval: Duration
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var channel: RPCClient
    var asking: Task<Void, Never>?
  }

  init(_ identity: GatewayIdentity, rules: CurrentRules, interval: Duration, logger: Logger) throws {
    self.rules = rules
    self.interval = interval
    self.logger = logger
    state = Mutex(State(channel: try Self.channel(identity)))
  }

  var policy: CompanyPolicy? { rules.current?.policy }

  func start() {
    let task = Task { [self] in
      var isKnown = false
      while !Task.isCancelled {
        isKnown = await ask() || isKnown
        try? await Task.sleep(for: isKnown ? interval : .milliseconds(500))
      }
    }
    state.withLock { $0.asking = task }
  }

  /// Asks with these certificates from now on.
  func use(_ identity: GatewayIdentity) throws {
    let new = try Self.channel(identity)
    let old = state.withLock { state in
      defer { state.channel = new }
      return state.channel
    }
    old.closeSoon()
  }

  func stop() async {
    let (task, channel) = state.withLock { ($0.asking, $0.channel) }
    task?.cancel()
    await channel.close()
    await task?.value
  }

  private static func channel(_ identity: GatewayIdentity) throws -> RPCClient {
    let profile = identity.service.profile
    return RPCClient(
      host: profile.hopHost, port: UInt16(profile.hopPort), tls: try identity.client(),
      program: Gateway.Configuration.program)
  }

  /// - Returns: whether the service answered.
  private func ask() async -> Bool {
    do {
      let channel = state.withLock { $0.channel }
      let policy = try await CompanyGatewayClient(channel).getPolicy(
        GetPolicyRequest(), options: CallOptions(timeoutMicroseconds: 10_000_000)
      ).policy
      guard policy != rules.current?.policy else { return true }
      rules.use(try policy.map { try CompanyRules($0) })
      logger.notice("the company's policy has changed")
    } catch let status as RPCStatus {
      logger.debug("the company's policy could not be asked for", metadata: ["reason": "\(status)"])
      return false
    } catch {
      logger.error(
        "the company's policy cannot be applied here; the service applies it", metadata: ["error": "\(error)"])
      rules.use(nil)
    }
    return true
  }
}
