import CountersignRPC
import Foundation
import Messages
import Synchronization
import TestAcquirer
import TestPrograms
import Testing

@testable import CountersignClient

/// `countersign-gateway` as a real process. Source: docs/operations.md, "Gateway".
@Suite(.serialized, .timeLimit(.minutes(5))) struct GatewayProgramTests {
  private static let order = Order(reference: "G-1", amount: 500, currency: "KRW")

  private static var card: CardData {
    var card = CardData()
    card.cardNumber = "4111111111111111"
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    return card
  }

  @Test func aTerminalPaysThroughTheGatewayAndThePolicyHolds() async throws {
    let gateway = try GatewayProcess()
    let session = try await gateway.terminal("Kim").login()
    let result = try await session.pay(Self.order, card: Self.card)
    #expect(result.outcome == .approved)
    #expect(try gateway.admin(["trace", "\(result.payment)"]).output.contains("gateway of Acme"))
    let set = try gateway.admin([
      "company", "policy", "Acme", "--gateway-required", "--time-zone", "Asia/Seoul", "--open", "daily 00:00-24:00",
      "--most-per-day", "KRW=700", "--currency", "KRW",
    ])
    #expect(set.output.contains("most per day: 700 KRW, today 0 KRW"))
    _ = try await session.pay(Self.order, card: Self.card)
    await #expect(throws: TerminalError.self) { try await session.pay(Self.order, card: Self.card) }
    let shown = try gateway.admin(["company", "show", "1"]).output
    #expect(shown.contains("gateway: localhost:\(gateway.port), required"))
    #expect(shown.contains("open: daily 00:00-24:00") && shown.contains("time zone: Asia/Seoul"))
    #expect(shown.contains("today 500 KRW"))
    let changed = try gateway.admin(["company", "policy", "1", "--open", "none", "--most-per-day", "KRW=0"])
    #expect(!changed.output.contains("open:") && !changed.output.contains("most per day"))
    #expect(try gateway.admin(["company", "list"]).output.hasPrefix("company 1 Acme\n"))
  }

  /// New certificates are in use, and not one call was lost for it.
  @Test func sighupReadsCertificatesAgainWithoutDroppingCalls() async throws {
    let gateway = try GatewayProcess()
    let kim = try gateway.terminal("Kim")
    let channel = try kim.connect()
    let session = try await kim.login(over: channel)
    let former = try await channel.peerCertificates()[0]
    let load = Load()
    let paying = (0..<4).map { _ in
      Task {
        while !load.isOver {
          let sealed = try await session.sealAhead(Self.order, key: session.makeKey(), card: Self.card)
          let reply = try await session.client.submitPayment(sealed.request, options: CallOptions(isSealed: true))
          #expect(!reply.body.isEmpty)
          load.count()
        }
      }
    }
    let renewed = try gateway.setUp(port: gateway.port, isReplacing: true)
    #expect(renewed.status == 0, "\(renewed.errors)")
    gateway.hangUp()
    try await gateway.logs("certificates read again")
    let during = load.counted
    while load.counted < during + 200 { try await Task.sleep(for: .milliseconds(5)) }
    load.end()
    // A call that was dropped throws here.
    for task in paying { try await task.value }
    #expect(channel.connectionsMade == 1)
    let other = try gateway.terminal("Lee").connect()
    _ = try await CheckoutClient(other).beginLogin(BeginLoginRequest())
    let shown = try await other.peerCertificates()[0]
    #expect(shown != former)
    _ = try await kim.login()
    await other.close()
    await channel.close()
  }

  /// What a kill leaves where it comes between the company's chain and its key.
  @Test func anInterruptedReplacementIsToldAndEndedByTheSameCommand() async throws {
    let gateway = try GatewayProcess()
    gateway.kill()
    let folder = "\(gateway.server.root)/gateway"
    let read = { (name: String) in try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")) }
    let write = { (data: Data, name: String) in
      _ = FileManager.default.createFile(
        atPath: "\(folder)/\(name)", contents: data, attributes: [.posixPermissions: 0o600])
    }
    let before = try ["company.key", "tls.key", "tls.pem", "profile.signed"].map { ($0, try read($0)) }
    let token = try gateway.register(port: gateway.port)
    let command = ["init", "localhost:\(gateway.server.port)", token, "--replace"] + gateway.options
    #expect(try Program.run("countersign-gateway", command).status == 0)
    for name in ["company.key", "tls.key"] { write(try read(name), "enrolling-\(name)") }
    for (name, data) in before { write(data, name) }

    let refused = try Program.run("countersign-gateway", ["run", "--port", "0"] + gateway.options)
    #expect(refused.status == 78 && refused.errors.contains("the same init command"), "\(refused)")
    let mended = try Program.run("countersign-gateway", command)
    #expect(mended.status == 0, "\(mended)")
    try gateway.start()
    _ = try await gateway.terminal("Kim").login()
  }

  /// The service is killed again and again under payments through the gateway: terminals wait and go on by themselves,
  /// and each key is charged once.
  @Test func killsOfTheServiceDoubleNoPayment() async throws {
    let gateway = try GatewayProcess()
    let kim = try gateway.terminal("Kim")
    let session = try await kim.login()
    let load = Load()
    let paying = (0..<6).map { _ in
      Task {
        var numbers: [UInt64] = []
        while !load.isOver {
          numbers.append(try await session.pay(Self.order, card: Self.card).payment)
          load.count()
        }
        return numbers
      }
    }
    for round in 1...4 {
      let before = load.counted
      while load.counted < before + 50 { try await Task.sleep(for: .milliseconds(5)) }
      gateway.server.kill()
      try await Task.sleep(for: .milliseconds(200 * round))
      try gateway.server.start()
    }
    let before = load.counted
    while load.counted < before + 50 { try await Task.sleep(for: .milliseconds(5)) }
    load.end()
    var numbers: [UInt64] = []
    for task in paying { numbers += try await task.value }
    #expect(Set(numbers).count == numbers.count)
    _ = gateway.server.stop()
    let rows = try Program.shell(
      "sqlite3 '\(gateway.server.root)/server/ledger.db' "
        + "'SELECT count(*), count(DISTINCT key) FROM payment JOIN outcome ON payment = payment.seq'")
    #expect(rows.output.trimmingCharacters(in: .whitespacesAndNewlines) == "\(numbers.count)|\(numbers.count)")
    #expect(try kim.folder.pending().isEmpty)
    print("gateway: \(numbers.count) payments through 4 kills of the service, each once")
  }

  @Test func withoutAServiceTheGatewaySaysUnavailableAndWhenToTryAgain() async throws {
    let gateway = try GatewayProcess()
    let channel = try gateway.terminal("Kim").connect()
    let client = CheckoutClient(channel)
    _ = try await client.beginLogin(BeginLoginRequest())
    gateway.server.kill()
    try await gateway.logs("the connection to the service is lost")
    let status = await #expect(throws: RPCStatus.self) { try await client.beginLogin(BeginLoginRequest()) }
    #expect(status?.code == .unavailable && status?.reason == "UPSTREAM_LOST")
    #expect(status?.retryAfterMilliseconds == 500)
    // Of a login there is no outcome to know.
    #expect(status?.text == "the gateway has no connection to the service; try again later")
    try gateway.server.start()
    while (try? await client.beginLogin(BeginLoginRequest())) == nil { try await Task.sleep(for: .milliseconds(50)) }
    #expect(channel.connectionsMade == 1)
    await channel.close()
  }

  /// Source: docs/operations.md, "Gateway".
  @Test(arguments: [["login", "--check"], ["pay", "--order", "G-1", "--amount", "500", "--currency", "KRW"]])
  func aTerminalTellsThatItWaitsForTheServiceAndGoesOn(_ command: [String]) async throws {
    let gateway = try GatewayProcess()
    _ = try gateway.terminal("Kim")
    gateway.server.kill()
    try await gateway.logs("the connection to the service is lost")
    let waiting = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-terminal").path, command,
      environment: gateway.environment("Kim"), errors: .kept)
    waiting.type(Desk.card)
    waiting.endInput()
    while waiting.isRunning, !waiting.errors.contains("\n") { try await Task.sleep(for: .milliseconds(20)) }
    try gateway.server.start()
    let done = try waiting.result()
    #expect(done.status == 0, "\(done)")
    let told = done.errors.split(separator: "\n")
    #expect(told.count == 1, "\(done)")
    #expect(told.first?.contains(/^waiting until \d{4}-.* UTC, and trying again: .*UPSTREAM_LOST/) == true, "\(done)")
    let charged = try Sqlite.lines("\(gateway.server.root)/server/ledger.db", "SELECT count(*) FROM payment")
    #expect(charged == [command.first == "pay" ? "1" : "0"])
  }

  @Test func theLogSaysOnceWhyTheServiceIsNotReached() async throws {
    let gateway = try GatewayProcess()
    gateway.server.kill()
    try await gateway.logs("refused")
    // Several attempts are made in this time, all refused.
    try await Task.sleep(for: .seconds(3))
    let told = gateway.logText.split(separator: "\n").filter { $0.contains("refused") }
    #expect(told.count == 1, "\(gateway.logText)")
    #expect(told.allSatisfy { $0.contains("warning") && $0.contains("the service is not reached") }, "\(told)")
  }

  /// The gateway's preset destination lives in its signed profile as a terminal's does.
  @Test func aGatewayWithAnAlteredProfileDoesNotStartAndGoesNowhere() async throws {
    let gateway = try GatewayProcess()
    gateway.kill()
    let elsewhere = try await Elsewhere(.mute, address: "127.0.0.3")
    let path = "\(gateway.server.root)/gateway/profile.signed"
    var signed = try SignedProfile(decoding: Array(Data(contentsOf: URL(fileURLWithPath: path))))
    var profile = try Profile(decoding: signed.profile)
    (profile.hopHost, profile.hopPort) = ("127.0.0.3", UInt32(elsewhere.port))
    signed.profile = profile.encoded()
    try Data(signed.encoded()).write(to: URL(fileURLWithPath: path))
    let run = try Program.run("countersign-gateway", ["run", "--port", "0"] + gateway.options)
    #expect(run.status == 77 && run.errors.contains("profile"), "\(run.status) \(run.errors)")
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }

  // MARK: Keys

  @Test func theCompanysKeyCanStayInAPKCS11Token() async throws {
    let token = try Token()
    let gateway = try GatewayProcess(
      companyKey: token.uri, passphrase: Token.pin, environment: ["SOFTHSM2_CONF": token.configuration])
    let folder = "\(gateway.server.root)/gateway"
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/company.key"))
    let session = try await gateway.terminal("Kim").login()
    let result = try await session.pay(Self.order, card: Self.card)
    #expect(result.outcome == .approved)
    // The certificate is for the key in the token.
    let certified = try Program.shell("openssl x509 -in '\(folder)/company.pem' -noout -pubkey")
    #expect(certified.output == token.publicKey)
  }

  @Test func aWrongPINIsToldAndEndsWith77() throws {
    let token = try Token()
    let gateway = try GatewayProcess(
      companyKey: token.uri, passphrase: Token.pin, environment: ["SOFTHSM2_CONF": token.configuration])
    gateway.kill()
    try GatewayProcess.write("00000000", to: "\(gateway.server.root)/wrong")
    let refused = try Program.run(
      "countersign-gateway",
      [
        "run", "--port", "0", "--data", "\(gateway.server.root)/gateway", "--passphrase-file",
        "\(gateway.server.root)/wrong",
      ],
      environment: ["SOFTHSM2_CONF": token.configuration])
    #expect(refused.status == 77)
    #expect(refused.errors.contains("the PIN is wrong"), "\(refused.errors)")
  }

  @Test func aWrongPassphraseIsToldAndEndsWith77() throws {
    let gateway = try GatewayProcess()
    gateway.kill()
    try GatewayProcess.write("not the secret", to: "\(gateway.server.root)/wrong")
    let refused = try Program.run(
      "countersign-gateway",
      [
        "run", "--port", "0", "--data", "\(gateway.server.root)/gateway", "--passphrase-file",
        "\(gateway.server.root)/wrong",
      ])
    #expect(refused.status == 77)
    #expect(refused.errors.contains("company.key: the passphrase is wrong"), "\(refused.errors)")
  }
}

/// Counts what several tasks do until they are told to stop.
private final class Load: Sendable {
  private let state = Mutex<(count: Int, isOver: Bool)>((0, false))
  var counted: Int { state.withLock { $0.count } }
  var isOver: Bool { state.withLock { $0.isOver } }
  func count() { state.withLock { $0.count += 1 } }
  func end() { state.withLock { $0.isOver = true } }
}

/// A SoftHSM token with a P-256 key.
private final class Token {
  static let pin = "98765432"
  let folder: String
  let publicKey: String

  init() throws {
    folder = NSTemporaryDirectory() + "countersign-token-\(UUID().uuidString)"
    let script = """
      set -e; umask 077; mkdir -p '\(folder)/tokens'; cd '\(folder)'
      printf 'directories.tokendir = \(folder)/tokens\\nobjectstore.backend = file\\n' > conf
      export SOFTHSM2_CONF='\(folder)/conf'
      softhsm2-util --init-token --free --label gateway --so-pin 12345678 --pin \(Self.pin) >&2
      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
      softhsm2-util --import key.pem --token gateway --label company --id 01 --pin \(Self.pin) >&2
      openssl pkey -in key.pem -pubout; rm key.pem
      """
    let made = try Program.shell(script)
    try #require(made.status == 0, "\(made.errors)")
    publicKey = made.output
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var configuration: String { "\(folder)/conf" }
  var uri: String {
    "pkcs11:token=gateway;object=company;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so"
  }
}
