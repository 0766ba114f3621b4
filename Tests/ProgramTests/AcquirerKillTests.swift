import AcquirerISO8583
import CountersignRPC
import Foundation
import Messages
import Payments
import TestAcquirer
import Testing

@testable import CountersignClient

/// The server is killed with payments open on the ISO 8583 link. Source: docs/payments.md, "Crash rules".
@Suite(.serialized, .timeLimit(.minutes(5))) struct AcquirerKillTests {
  static let rounds = 5

  @Test func afterKillsEveryAcknowledgedPaymentIsThereOnceAndTheHostsLogEqualsTheLedger() async throws {
    let server = try ServerProcess()
    let host = try HostProcess(folder: server.root, arguments: ["--delay-ms", "40"])
    server.acquirer = try Self.acquirer(server, host)
    let desk = try Desk(server: server)
    let terminal = try Terminal(
      folder: TerminalFolder("\(server.root)/terminal"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "kill/1")
    var told: [[UInt8]: PaymentResult] = [:]
    var untold: [[UInt8]] = []
    for _ in 0..<Self.rounds {
      let session = try await terminal.login()
      for (key, result) in try await KillTests.payUntilKilled(desk.server, session, cards: Self.cards) {
        if let result, result.outcome != .pending { told[key] = result } else { untold.append(key) }
      }
      try server.start()
    }
    #expect(!told.isEmpty && !untold.isEmpty)
    let session = try await terminal.login()
    for (key, before) in told {
      let after = try await session.payment(key: key)
      #expect(after?.outcome == before.outcome && after?.payment == before.payment)
    }
    for key in untold {
      let first = try await session.payment(key: key, waitMilliseconds: 30_000)
      #expect(first?.outcome != .pending)
      #expect(try await session.payment(key: key)?.outcome == first?.outcome)
    }
    let numbers = told.values.map(\.payment)
    #expect(Set(numbers).count == numbers.count)
    let ledger = "\(server.root)/server/ledger.db"
    let names = try Sqlite.lines(ledger, "SELECT count(*), count(DISTINCT original) FROM payment")
    #expect(names.first?.split(separator: "|").count == 2 && Set(names[0].split(separator: "|")).count == 1)
    let approved = try Sqlite.lines(
      ledger, "SELECT hex(original) FROM payment JOIN outcome ON outcome.payment = payment.seq WHERE outcome.state = 2")
    let charged = Set(approved.compactMap(OriginalElements.hostName))
    #expect(charged.count == approved.count && charged == host.charged)
    #expect(server.stop() == 0)
  }

  /// At once, slowly, never answered and found by inquiry, never answered and reversed.
  private static let cards = ["4111111111111111", "4000000000009037", "4000000000009029", "4000000000009045"]

  static func acquirer(_ server: ServerProcess, _ host: HostProcess) throws -> [String] {
    let path = try Dialect.writeExample(
      "example-1987", ["address": "address localhost:\(host.port)", "answer-timeout": "answer-timeout 400"],
      in: server.root)
    return ["--acquirer", "iso8583", "--acquirer-config", path]
  }

  @Test(
    arguments: [
      (["--acquirer", "iso8583"], 64, "--acquirer-config is needed"),
      (["--acquirer", "iso8583", "--acquirer-config", "/nowhere.conf"], 74, "cannot read /nowhere.conf"),
      (["--acquirer", "paper"], 64, "--acquirer \"paper\": must be iso8583 or simulator"),
    ] as [([String], Int32, String)])
  func aWrongAcquirerEndsTheProgramWithAReason(_ arguments: [String], _ status: Int32, _ words: String) throws {
    let result = try Program.run("countersign-server", ["run", "--data", "/nowhere"] + arguments)
    #expect(result.status == status)
    #expect(result.errors.contains(words))
  }

  @Test func aKeyForTheAcquirerThatIsNotItsCertificatesIsAWrongSetting() throws {
    let server = try ServerProcess()
    let folder = "\(server.root)/server"
    let tls =
      "tls-anchors \(folder)/authority/root.pem\ntls-chain \(folder)/tls/chain.pem\ntls-key \(folder)/ocsp/key.pem"
    let path = try Dialect.writeExample(
      "example-1987", ["address": "address localhost:1\n\(tls)"], in: server.root)
    let result = try Program.run(
      "countersign-server", ["run", "--data", folder, "--acquirer", "iso8583", "--acquirer-config", path])
    #expect(result.status == 78 && result.errors.contains("\(folder)/ocsp/key.pem"), "\(result)")
  }

  @Test func aMistakeInTheConfigurationNamesItsLine() throws {
    let server = try ServerProcess()
    let path = try Dialect.writeExample("example-1987", ["match": "match 12"], in: server.root)
    let result = try Program.run(
      "countersign-server",
      ["run", "--data", "\(server.root)/server", "--acquirer", "iso8583", "--acquirer-config", path])
    #expect(result.status == 78)
    #expect(result.errors.contains("test.conf, line 14: match: \"12\" is not one of 7, 11, 37, 41"))
  }
}
