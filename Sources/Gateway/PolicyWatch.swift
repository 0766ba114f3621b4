import CountersignRPC
import Logging
import Messages
import Policy
import Synchronization

/// Asks the service what the company allows: until it answers, then every so often, and after a reload.
///
/// The service holds every login and payment to the same policy itself: what the gateway does not know yet costs a
/// forwarded call, and never lets one through.
final class PolicyWatch: Sendable {
  private let rules: CurrentRules
  private let upstream: UpstreamState
  private let interval: Duration
  private let sleep: @Sendable (Duration) async throws -> Void
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var channel: RPCClient
    var asking: Task<Void, Never>?
  }

  /// - Parameters:
  ///   - upstream: told whether the service takes this gateway as its company's.
  ///   - interval: from an answer to the next question.
  ///   - sleep: waits between two questions.
  init(
    _ identity: GatewayIdentity, rules: CurrentRules, upstream: UpstreamState, interval: Duration, logger: Logger,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) throws {
    self.rules = rules
    self.upstream = upstream
    self.interval = interval
    self.sleep = sleep
    self.logger = logger
    state = Mutex(State(channel: try Self.channel(identity)))
  }

  var policy: CompanyPolicy? { rules.current?.policy }

  func start() {
    let task = Task { [self] in
      while !Task.isCancelled {
        let isKnown = await ask()
        try? await sleep(isKnown ? interval : .milliseconds(500))
      }
    }
    state.withLock { state in
      state.asking?.cancel()
      state.asking = task
    }
  }

  /// Asks with these certificates from now on, at once.
  func use(_ identity: GatewayIdentity) throws {
    let new = try Self.channel(identity)
    let old = state.withLock { state in
      defer { state.channel = new }
      return state.channel
    }
    start()
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
    var configuration = ClientConfiguration(
      host: profile.hopHost, port: Int(profile.hopPort), program: Gateway.Configuration.program)
    // The gateway is no company's for the service before its answer has come.
    configuration.backoff = Gateway.Configuration.backoff
    return RPCClient(configuration: configuration, tls: try identity.client())
  }

  /// - Returns: whether the service answered.
  private func ask() async -> Bool {
    do {
      let channel = state.withLock { $0.channel }
      let policy = try await CompanyGatewayClient(channel).getPolicy(
        GetPolicyRequest(), options: CallOptions(timeoutMicroseconds: 10_000_000)
      ).policy
      guard !Task.isCancelled else { return true }
      upstream.admit()
      guard policy != rules.current?.policy else { return true }
      rules.use(try policy.map { try CompanyRules($0) })
      logger.notice("the company's policy has changed")
    } catch let status as RPCStatus {
      guard !Task.isCancelled else { return true }
      logger.debug("the company's policy could not be asked for", metadata: ["reason": "\(status)"])
      guard status.code == .permissionDenied else { return false }
      upstream.refuse(status)
    } catch {
      logger.error(
        "the company's policy cannot be applied here; the service applies it", metadata: ["error": "\(error)"])
      rules.use(nil)
    }
    return true
  }
}
