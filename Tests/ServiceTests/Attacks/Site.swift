import CountersignRPC
import Cryptography
import Foundation
import Messages
import TLS
import TestAcquirer
import Testing

@testable import CountersignClient

/// By which way a terminal reaches the service.
enum Path: CaseIterable, Sendable {
  /// The terminal holds the company's key.
  case direct
  /// The company's gateway holds it.
  case gateway
}

/// Who is to refuse.
enum Refuser { case service, gateway }

/// A service, perhaps a gateway, Kim's terminal, and the one connection that an attack uses.
struct Site: Sendable {
  let path: Path
  let service: TestService
  let gateway: TestGateway?
  let kim: Terminal
  let lee: Terminal
  /// What the attack and those it must not disturb share.
  let channel: RPCClient

  var client: CheckoutClient { CheckoutClient(channel) }

  /// Company Acme with consultants Kim and Lee.
  ///
  /// - Parameter age: seconds since the service was set up.
  static func with(_ path: Path, age: Int64 = 0, _ body: (Site) async throws -> Void) async throws {
    try await TestGateway.withKim(path, age: age) { service, gateway, kim in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let lee = try await service.enrol(
        "lee", token: token, holding: path == .direct ? "Acme" : nil, port: gateway?.port)
      let channel = try kim.connect()
      let site = Site(path: path, service: service, gateway: gateway, kim: kim, lee: lee, channel: channel)
      do {
        try await body(site)
      } catch {
        await channel.close()
        throw error
      }
      await channel.close()
    }
  }

  /// A login of Kim that only has to be sent.
  func prepared(_ altering: (inout LoginStatement) -> Void = { _ in }) async throws -> LoginRequest {
    try Login(terminal: kim, channel: channel)
      .prepare(try await client.beginLogin(BeginLoginRequest()), altering: altering).request
  }

  /// A client that holds the company's key as the gateway does and sends what it likes, in the place of the gateway.
  func falseGateway() throws -> RPCClient {
    let chain = try Certificate.fromPEM([UInt8](Data(contentsOf: URL(filePath: "\(service.root)/Acme.pem"))))
    let key = try PrivateKey(
      pem: [UInt8](Data(contentsOf: URL(filePath: "\(service.root)/Acme.key"))), passphrase: nil)
    let root = try #require(chain.last).fingerprint
    return RPCClient(
      host: "127.0.0.1", port: service.port,
      tls: try .client(
        verify: ServerVerification(rootFingerprint: root, dnsName: nil, role: .server), chain: chain, key: key))
  }
}

// MARK: - What a refusal must leave

extension Site {
  /// An attack is refused for `reason`; the journal, or the gateway's log, has the cause; no session and no payment are
  /// there that were not there before; and the connection it came on serves somebody else.
  ///
  /// - Parameters:
  ///   - cause: a part of what is written for operators.
  ///   - channel: nil: the site's.
  func expectRefused(
    _ reason: String, _ code: StatusCode, by refuser: Refuser = .service, cause: String = "",
    over other: RPCClient? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    _ attack: () async throws -> Void
  ) async throws {
    let channel = other ?? self.channel
    _ = try await CheckoutClient(channel).beginLogin(BeginLoginRequest())
    let before = try (sessions: service.sessions(), payments: service.payments())
    let connections = channel.connectionsMade
    let status = await Self.status(attack)
    #expect(status?.reason == reason, sourceLocation: sourceLocation)
    #expect(status?.code == code, sourceLocation: sourceLocation)
    switch refuser {
    case .service:
      let journal = try service.journal()
      #expect(
        journal.contains { $0.contains(reason) && (cause.isEmpty || $0.contains(cause)) }, "\(journal.suffix(5))",
        sourceLocation: sourceLocation)
    case .gateway:
      let log = gateway?.log.lines ?? []
      #expect(
        log.contains { $0.contains(reason) && (cause.isEmpty || $0.contains(cause)) }, "\(log)",
        sourceLocation: sourceLocation)
      let isQuiet = try !service.journal().contains { $0.contains(reason) }
      #expect(isQuiet, "the service was asked", sourceLocation: sourceLocation)
    }
    #expect(try service.sessions() == before.sessions, sourceLocation: sourceLocation)
    #expect(try service.payments() == before.payments, sourceLocation: sourceLocation)
    try await expectServes(channel, isGateway: other != nil && path == .gateway, sourceLocation)
    #expect(channel.connectionsMade == connections, "the connection was lost", sourceLocation: sourceLocation)
  }

  /// Lee logs in over the same connection and pays.
  private func expectServes(
    _ channel: RPCClient, isGateway: Bool, _ sourceLocation: SourceLocation
  ) async throws {
    if isGateway {
      _ = try await CheckoutClient(channel).beginLogin(BeginLoginRequest())
      return
    }
    let session = try await lee.login(over: channel)
    let outcome = try await session.pay(.test, card: .test()).outcome
    #expect(outcome == .approved, sourceLocation: sourceLocation)
  }

  /// The status that an attack ends with, sealed or not; nil where it was let through.
  private static func status(_ attack: () async throws -> Void) async -> RPCStatus? {
    do {
      try await attack()
      return nil
    } catch let status as RPCStatus {
      return status
    } catch TerminalError.refused(let status) {
      return status
    } catch TerminalError.sessionOver(let text) {
      return RPCStatus(.unauthenticated, text, reason: "SESSION_OVER")
    } catch {
      return RPCStatus(.unknown, "\(error)", reason: "\(error)")
    }
  }
}

// MARK: - What is durable

extension TestService {
  /// Sessions that were ever written.
  func sessions() throws -> [String] { try rows("SELECT hex(id) FROM session ORDER BY id") }

  /// Payments that were ever recorded.
  func payments() throws -> [String] { try rows("SELECT seq, hex(key), amount FROM payment ORDER BY seq") }

  /// Everything in the journal that is neither payment nor outcome.
  func journal() throws -> [String] { try rows("SELECT kind, body FROM event ORDER BY seq") }

  /// Reads the ledger with SQLite's own program.
  func rows(_ query: String) throws -> [String] { try Sqlite.lines("\(root)/server/ledger.db", query) }
}

extension TerminalSession {
  /// Sends a sealed payment and opens the answer; a sealed refusal is thrown as its status.
  func send(_ payment: TestPayment) async throws {
    let reply = try await client.submitPayment(payment.request, options: CallOptions(isSealed: true))
    switch open(reply, to: payment, key: payment.key) {
    case .result: return
    case .refusal(let refusal): throw RPCStatus(refusal)
    case nil: throw TerminalError.untrusted("the answer does not open")
    }
  }
}
