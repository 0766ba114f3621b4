import CountersignRPC
import Cryptography
import Foundation
import Logging
import Messages
import Synchronization
import TLS
import Testing

@testable import CheckoutService
@testable import Gateway

/// Stands in the place of a service, with its certificate and on its port, and does with calls what a test says.
final class StandInService: Sendable {
  typealias Handler = @Sendable (_ request: [UInt8], _ context: ServerContext) async throws -> [UInt8]

  /// One call as it came.
  struct Call: Sendable {
    let request: [UInt8]
    let context: ServerContext
    /// Monotonic nanoseconds.
    let at: UInt64
  }

  private let server: RPCServer
  private let received = Mutex<[Call]>([])
  private let handler: Mutex<Handler>

  /// Calls of GetPayment and SubmitPayment, in the order in which they came.
  var calls: [Call] { received.withLock { $0 } }
  func answer(_ handler: @escaping Handler) { self.handler.withLock { $0 = handler } }

  init(_ service: TestService, _ handler: @escaping Handler = { request, _ in request }) async throws {
    self.handler = Mutex(handler)
    let folder = DataFolder("\(service.root)/server")
    let box = Mutex<StandInService?>(nil)
    var methods = MethodTable()
    for path in [CheckoutMethods.getPayment, CheckoutMethods.submitPayment] {
      methods.add(path) { request, context in
        guard let service = box.withLock({ $0 }) else { throw RPCStatus.shuttingDown }
        service.received.withLock {
          $0.append(Call(request: request, context: context, at: ServerLoop.now()))
        }
        return try await service.handler.withLock { $0 }(request, context)
      }
    }
    methods.add(CompanyGatewayMethods.getPolicy) { _, _ in [] }
    let root = try folder.chain("authority/root.pem")[0]
    server = RPCServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: Int(service.port), program: "stand-in", loops: 1),
      tls: try .server(
        chain: folder.chain("tls/chain.pem"), key: folder.key("tls/key.pem"), clientAnchors: [root],
        clientRoles: [.company]),
      methods: methods, logger: Logger(label: "stand-in"))
    _ = try await server.start()
    box.withLock { $0 = self }
  }

  func stop() async { await server.shutdown(drain: .zero) }

  /// Waits until so many calls have come.
  func received(_ count: Int) async throws {
    for _ in 0..<600 {
      if calls.count >= count { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("\(calls.count) of \(count) calls came")
  }

  /// A gateway whose service this stands in for.
  static func behind(
    _ configure: @escaping (inout Gateway.Configuration) -> Void = { _ in },
    _ body: (TestGateway, StandInService) async throws -> Void
  ) async throws {
    try await TestGateway.withKim(configure: configure) { gateway, _ in
      await gateway.service.stop()
      try await gateway.waitUntil(isServing: false)
      let service = try await StandInService(gateway.service)
      try await gateway.waitUntil(isServing: true)
      do {
        try await body(gateway, service)
      } catch {
        await service.stop()
        throw error
      }
      await service.stop()
    }
  }
}

/// Opens once; until then everybody waits.
final class Gate: Sendable {
  private let isOpen = Mutex(false)
  func open() { isOpen.withLock { $0 = true } }
  func pass() async throws {
    for _ in 0..<10_000 {
      if isOpen.withLock({ $0 }) { return }
      try await Task.sleep(for: .milliseconds(2))
    }
    Issue.record("the gate was not opened")
  }
}
