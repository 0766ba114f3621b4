import Bytes
import CountersignClient
import CountersignRPC
import Cryptography
import Foundation
import Logging
import Messages
import Policy
import Synchronization
import Testing

@testable import Gateway

/// A gateway with the company's real keys that countersigns as it should and then does what a test says to the bytes
/// that pass.
final class MaliciousGateway: Sendable {
  typealias Change = @Sendable (_ method: String, _ bytes: [UInt8]) async throws -> [UInt8]

  let port: UInt16
  private let server: RPCServer
  private let upstream: RPCClient
  private let requests = Mutex<Change>({ $1 })
  private let replies = Mutex<Change>({ $1 })

  func changeRequests(_ change: @escaping Change) { requests.withLock { $0 = change } }
  func changeReplies(_ change: @escaping Change) { replies.withLock { $0 = change } }

  /// In the place of the gateway that is set up in `folder`.
  init(_ folder: GatewayFolder) async throws {
    let identity = try folder.identity(
      passphrase: TestGateway.passphrase, now: Int64(Date().timeIntervalSince1970 * 1_000))
    let upstream = RPCClient(
      host: identity.service.profile.hopHost, port: UInt16(identity.service.profile.hopPort),
      tls: try identity.client())
    self.upstream = upstream
    let countersigner = Countersigner(identity, rules: CurrentRules())
    let box = Mutex<MaliciousGateway?>(nil)
    var methods = MethodTable()
    for method in ForwardedMethod.all {
      methods.add(method.path) { bytes, _ in
        guard let gateway = box.withLock({ $0 }) else { throw RPCStatus.shuttingDown }
        var request = try await gateway.requests.withLock { $0 }(method.path, bytes)
        if case .login = method.kind {
          request = try countersigner.countersigned(
            request.withUnsafeBytes { try AskedLogin($0) }, now: Int64(Date().timeIntervalSince1970 * 1_000))
        }
        let reply = try await upstream.call(method.path, request, options: CallOptions(isSealed: true))
        return try await gateway.replies.withLock { $0 }(method.path, reply)
      }
    }
    server = RPCServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0, program: "malicious", loops: 1),
      tls: try identity.server(), methods: methods, logger: Logger(label: "malicious"))
    port = UInt16(try await server.start())
    box.withLock { $0 = self }
  }

  func stop() async {
    await server.shutdown(drain: .milliseconds(500))
    await upstream.close()
  }

  /// A service, its company's gateway turned malicious, and a terminal behind it.
  static func withKim(_ body: (MaliciousGateway, TestService, Terminal) async throws -> Void) async throws {
    let service = try TestService()
    try await service.start()
    do {
      try await service.addCompany("Acme")
      let folder = GatewayFolder("\(service.root)/gateway")
      try await TestGateway.enrol(service, "Acme", folder)
      let gateway = try await MaliciousGateway(folder)
      _ = try await TestGateway.register(service, "Acme", port: gateway.port)
      do {
        let token = try await service.addConsultant("Kim", company: "Acme").token
        try await body(gateway, service, service.enrol("kim", token: token, holding: nil, port: gateway.port))
      } catch {
        await gateway.stop()
        throw error
      }
      await gateway.stop()
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }
}
