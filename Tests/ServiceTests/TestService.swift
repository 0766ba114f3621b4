import CheckoutService
import CountersignRPC
import Cryptography
import Foundation
import Logging
import Messages
import StorageSQLite
import Synchronization
import Testing

@testable import CountersignClient

/// A whole service in this process: real TLS, a real SQLite file, real enrolment.
final class TestService: Sendable {
  let root: String
  let clock = TestClock()
  private let running = Mutex<CheckoutServer?>(nil)
  private let listening = Mutex<UInt16>(0)
  static let passphrase = SecretBytes(copying: Array("correct horse".utf8))

  /// - Parameters:
  ///   - age: seconds since the service was set up.
  ///   - hosts: in its TLS certificate.
  init(age: Int64 = 0, hosts: [String] = ["localhost"]) throws {
    root = NSTemporaryDirectory() + "countersign-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let plan = Setup.Plan(serviceName: "pay.test", dnsNames: hosts, administrator: "tester")
    try Setup.make(plan, in: DataFolder("\(root)/server"), now: Int64(Date().timeIntervalSince1970) - age)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  var port: UInt16 { listening.withLock { $0 } }

  /// Starts; the second time on the same port.
  ///
  /// - Parameters:
  ///   - publicPort: where terminals are sent; 0: the port listened on.
  ///   - network: where programs are served; nil: nowhere.
  func start(
    publicPort: UInt16 = 0, network: CheckoutServer.Configuration.NetworkPort? = nil,
    acquirer: CheckoutServer.AcquirerChoice = .simulator(.init()),
    _ configure: (inout CheckoutServer.Configuration) -> Void = { _ in }
  ) async throws {
    var configuration = CheckoutServer.Configuration(
      listenHost: "127.0.0.1", listenPort: port, publicHost: "127.0.0.1", publicPort: publicPort, eventLoops: 2,
      drainMilliseconds: 2_000, acquirer: acquirer)
    configuration.network = network
    configure(&configuration)
    let (server, port) = try await CheckoutServer.start(
      configuration, folder: DataFolder("\(root)/server"), clock: clock.service, logger: Logger(label: "test"),
      onFatal: { fatalError("the ledger failed: \($0)") })
    listening.withLock { $0 = port }
    running.withLock { $0 = server }
  }

  var server: CheckoutServer? { running.withLock { $0 } }

  func stop() async {
    let server = running.withLock { $0.take() }
    await server?.network?.stop()
    await server?.stop()
    if server != nil { await expectRegisterOfJournal() }
  }

  /// Whatever was registered, enrolled and revoked: the journal says so, and `audit verify` finds nothing.
  private func expectRegisterOfJournal() async {
    await #expect(throws: Never.self) {
      let folder = DataFolder("\(self.root)/server")
      let key = try PublicKey(pem: [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("audit/public.pem")))))
      let verifier = try JournalVerifier(path: folder.ledger, key: key, workers: 1)
      // Tests that alter the journal look at that themselves.
      guard let report = try? await verifier.run() else { return }
      let problems = try await verifier.compareRegister(report)
      #expect(problems.isEmpty, "\(problems)")
    }
  }

  /// Has the service do what it does every minute.
  func keepHouse() async { await running.withLock { $0 }?.keepHouse() }

  func administrator() throws -> Administrator {
    try Administrator(
      certificate: "\(root)/server/admin/chain.pem", key: "\(root)/server/admin/key.pem", host: "127.0.0.1", port: port)
  }

  /// Registers a company; its files lie below ``root``.
  func addCompany(_ name: String) async throws {
    var request = AddCompanyRequest()
    request.name = name
    let asked = try RequestedCertificate(
      for: name, "company", certificate: "\(root)/\(name).pem", key: "\(root)/\(name).key")
    request.certificateRequest = asked.request
    let reply = try await administrator().run { [request] in try await $0.addCompany(request) }
    try asked.finish(chain: reply.chain)
  }

  /// Registers a consultant and returns number and token.
  func addConsultant(_ name: String, company: String) async throws -> AddConsultantReply {
    var request = AddConsultantRequest()
    (request.company, request.name) = (company, name)
    return try await administrator().run { [request] in try await $0.addConsultant(request) }
  }

  /// Enrols a terminal.
  ///
  /// - Parameters:
  ///   - holding: the company whose key the terminal gets; nil: none.
  ///   - port: a gateway's; nil: the service's.
  func enrol(
    _ place: String, token: String, holding company: String?, isReplacing: Bool = false, port: UInt16? = nil
  ) async throws -> Terminal {
    let folder = TerminalFolder("\(root)/\(place)")
    _ = try await TerminalEnrolment(folder: folder, host: "127.0.0.1", port: port ?? self.port, program: "test/1")
      .enrol(token: token, passphrase: Self.passphrase, interface: .standard(), isReplacing: isReplacing)
    if let company {
      let holder = try CertificateHolder(certificate: "\(root)/\(company).pem", key: "\(root)/\(company).key")
      try folder.write(company: holder)
    }
    return try Terminal(folder: folder, passphrase: Self.passphrase, program: "test/1")
  }

  /// A running service with company Acme and the terminal of consultant Kim.
  static func withKim(age: Int64 = 0, _ body: (TestService, Terminal) async throws -> Void) async throws {
    let service = try TestService(age: age)
    try await service.start()
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      try await body(service, service.enrol("kim", token: token, holding: "Acme"))
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }
}

/// Clocks of the service that tests can move ahead.
final class TestClock: Sendable {
  private let ahead = Mutex<Int64>(0)
  private let wallAhead = Mutex<Int64>(0)

  /// Only the monotonic clock moves: deadlines and sessions end, certificates and keys stay valid.
  func advance(milliseconds: Int64) { ahead.withLock { $0 += milliseconds } }

  func advanceWall(milliseconds: Int64) { wallAhead.withLock { $0 += milliseconds } }

  var service: ServiceClock {
    ServiceClock(
      wall: { ServiceClock.system.wall() + self.wallAhead.withLock { $0 } },
      monotonic: { ServiceClock.system.monotonic() + self.ahead.withLock { $0 } })
  }
}

extension CardData {
  /// A test card of docs/simulator.md.
  static func test(_ number: String = "4111111111111111") -> CardData {
    var card = CardData()
    card.cardNumber = number
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    (card.passwordDigits, card.securityCode) = ("73", "904")
    return card
  }
}

extension Order {
  static let test = Order(reference: "A-1001", amount: 12_900, currency: "KRW")
}

/// The reason of a status that `body` throws.
func refusal(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch let status as RPCStatus {
    return status.reason
  } catch TerminalError.refused(let status) {
    return status.reason
  } catch TerminalError.sessionOver {
    return "SESSION_OVER"
  } catch {
    return "\(error)"
  }
}

/// Records an issue where `body` is not refused for `reason`.
func expectRefusal(
  _ reason: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
  let found = await refusal(body)
  #expect(found == reason, sourceLocation: sourceLocation)
}
