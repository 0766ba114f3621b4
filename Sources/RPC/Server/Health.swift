import NIOCore
import Synchronization

/// Whether a server and its services take calls; answers `countersign.rpc.v1.Health/Check`.
public final class Health: Sendable {
  static let path = "/countersign.rpc.v1.Health/Check"

  private struct State {
    /// By full service name; "" is the whole server.
    var isServing: [String: Bool] = ["": true]
    var isDraining = false
  }

  private let state = Mutex(State())

  /// Everything serves.
  public init() {}

  /// Says whether a service, or "" for the whole server, takes calls.
  public func set(_ service: String, isServing: Bool) {
    state.withLock { $0.isServing[service] = isServing }
  }

  /// Makes the services of a table known, unless they are already.
  func add(servicesOf table: MethodTable) {
    state.withLock { state in
      for path in table.methods.keys {
        let name = String(path.dropFirst().prefix { $0 != "/" })
        if state.isServing[name] == nil { state.isServing[name] = true }
      }
    }
  }

  /// From now on nothing serves.
  func startDrain() {
    state.withLock { $0.isDraining = true }
  }

  /// Whether a service takes calls; nil where it is unknown.
  public func isServing(_ service: String) -> Bool? {
    state.withLock { state in
      state.isServing[service].map { $0 && state.isServing[""] == true && !state.isDraining }
    }
  }
}

/// Answers `Check` on the loop, so that it works while nothing else does.
final class HealthHandler: InLoopHandler {
  private let health: Health
  private unowned let loop: ServerLoop

  init(health: Health, loop: ServerLoop) {
    self.health = health
    self.loop = loop
  }

  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer) {
    guard let question = try? HealthCheckRequest(decoding: request) else {
      return loop.respond(call, status: .messageInvalid("the request is not a HealthCheckRequest"))
    }
    guard let isServing = health.isServing(question.service) else {
      let status = RPCStatus(.notFound, "this server has no such service", reason: "SERVICE_UNKNOWN")
      return loop.respond(call, status: status)
    }
    var reply = HealthCheckReply()
    reply.status = isServing ? .serving : .notServing
    let bytes = reply.encoded()
    loop.respond(call) { $0.writeBytes(bytes) }
  }

  func readComplete() {}
}
