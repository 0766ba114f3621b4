import CountersignRPC
import Cryptography
import Foundation
import Logging
import Messages
import Synchronization
import TLS
import Testing

@testable import CountersignClient
@testable import Gateway

/// A gateway of company Acme in this process, set up with a token as an operator would.
final class TestGateway: Sendable {
  static let passphrase = SecretBytes(copying: Array("company secret".utf8))

  let service: TestService
  let gateway: Gateway
  let port: UInt16
  let folder: GatewayFolder
  let log: CapturedLog

  /// Registers, sets up and starts a gateway, and waits until it has reached the service.
  init(
    _ service: TestService, company: String = "Acme", place: String = "gateway",
    configure: (inout Gateway.Configuration) -> Void = { _ in }
  ) async throws {
    self.service = service
    let log = CapturedLog()
    self.log = log
    folder = GatewayFolder("\(service.root)/\(place)")
    try await Self.enrol(service, company, folder)
    var configuration = Gateway.Configuration(listenHost: "127.0.0.1", listenPort: 0, eventLoops: 1)
    configuration.drainMilliseconds = 2_000
    configuration.policyMilliseconds = 50
    configure(&configuration)
    (gateway, port) = try await Gateway.start(configuration, logger: log.logger) {
      [folder] in
      try folder.identity(passphrase: Self.passphrase, now: Int64(Date().timeIntervalSince1970 * 1_000))
    }
    // Only now the port is known that terminals are to be sent to.
    _ = try await Self.register(service, company, port: port)
    try await waitUntil(isServing: true)
  }

  /// Registers the gateway of a company and returns its token.
  static func register(_ service: TestService, _ company: String, port: UInt16) async throws -> String {
    var request = AddGatewayRequest()
    (request.company, request.host, request.port) = (company, "127.0.0.1", UInt32(port))
    request.dnsName = "gateway.test"
    return try await service.administrator().run { [request] in try await $0.addGateway(request).token }
  }

  static func enrol(
    _ service: TestService, _ company: String, _ folder: GatewayFolder, port: UInt16 = 1, isReplacing: Bool = false
  ) async throws {
    let token = try await register(service, company, port: port)
    _ = try await GatewayEnrolment(folder: folder, host: "127.0.0.1", port: service.port, program: "test/1")
      .enrol(token: token, passphrase: passphrase, isReplacing: isReplacing)
  }

  /// A new connection of a terminal, with whatever name the gateway's certificate has.
  func connect() throws -> RPCClient {
    let root = try Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: "\(folder.path)/tls.pem")))).last
    let verification = ServerVerification(
      rootFingerprint: try #require(root).fingerprint, dnsName: "gateway.test", role: .gateway)
    return RPCClient(host: "127.0.0.1", port: port, tls: try .client(verify: verification))
  }

  /// A chain in the gateway's folder.
  func chain(_ name: String) -> [Certificate]? {
    try? Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: "\(folder.path)/\(name)"))))
  }

  /// Waits until health tells so.
  func waitUntil(isServing: Bool) async throws {
    let client = try connect()
    defer { client.closeSoon() }
    for _ in 0..<400 {
      // HealthCheckReply: field 1, SERVING 1 or NOT_SERVING 2.
      let reply = try await client.call("/countersign.rpc.v1.Health/Check", [], options: .standard)
      if reply == [8, isServing ? 1 : 2] { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    Issue.record("health did not become \(isServing ? "SERVING" : "NOT_SERVING")")
  }

  /// Waits until calls reach the service, which a gateway with a revoked certificate does too.
  func waitUntilForwarding() async throws {
    let channel = try connect()
    defer { channel.closeSoon() }
    let client = CheckoutClient(channel)
    for _ in 0..<400 {
      if (try? await client.beginLogin(BeginLoginRequest())) != nil { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    Issue.record("no call reached the service")
  }

  /// Waits until the gateway applies this policy.
  func waitUntil(knowing policy: CompanyPolicy?) async throws {
    for _ in 0..<600 {
      if gateway.policy == policy { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    Issue.record("the gateway does not know the policy")
  }

  /// A terminal of consultant `name`, enrolled through this gateway, without the company's key.
  func enrol(_ name: String, company: String = "Acme") async throws -> Terminal {
    let token = try await service.addConsultant(name, company: company).token
    return try await service.enrol(name, token: token, holding: nil, port: port)
  }

  /// A running service with company Acme, a gateway where the path has one, and Kim's terminal on that path.
  static func withKim(
    _ path: Path, age: Int64 = 0, _ body: (TestService, TestGateway?, Terminal) async throws -> Void
  ) async throws {
    switch path {
    case .direct: try await TestService.withKim(age: age) { try await body($0, nil, $1) }
    case .gateway: try await withKim(age: age) { try await body($0.service, $0, $1) }
    }
  }

  /// A running service with company Acme, its gateway, and the terminal of consultant Kim behind it.
  static func withKim(
    age: Int64 = 0, configure: (inout Gateway.Configuration) -> Void = { _ in },
    _ body: (TestGateway, Terminal) async throws -> Void
  ) async throws {
    let service = try TestService(age: age)
    try await service.start()
    do {
      try await service.addCompany("Acme")
      let gateway = try await TestGateway(service, configure: configure)
      do {
        try await body(gateway, gateway.enrol("Kim"))
      } catch {
        await gateway.gateway.stop()
        throw error
      }
      await gateway.gateway.stop()
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }
}

/// What a program logged.
final class CapturedLog: Sendable {
  private let captured = Mutex<[String]>([])

  var lines: [String] { captured.withLock { $0 } }

  var logger: Logger { Logger(label: "captured") { [self] _ in Handler(log: self) } }

  /// Waits for a line.
  func wait(for text: String) async throws {
    for _ in 0..<600 {
      if lines.contains(where: { $0.contains(text) }) { return }
      try await Task.sleep(for: .milliseconds(25))
    }
    Issue.record("\"\(text)\" was not logged: \(lines)")
  }

  private struct Handler: LogHandler {
    let log: CapturedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      log.captured.withLock { $0.append("\(event.level) \(event.message) \(facts.joined(separator: " "))") }
    }
  }
}
