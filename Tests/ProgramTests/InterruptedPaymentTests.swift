import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// A payment that a signal cuts: whoever sent it learns that the card may have been charged, and how to ask.
@Suite(.serialized, .timeLimit(.minutes(5))) struct InterruptedPaymentTests {
  private static let command = ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW"]

  /// The card is charged, and its answer takes the simulator 10 s.
  @Test(arguments: [SIGINT, SIGQUIT, SIGTERM, SIGHUP])
  func onItsWayItsOutcomeIsUnknownAndItsKeyIsTold(_ signal: Int32) throws {
    let desk = try Desk()
    let paying = try Self.start(Self.command + ["--output", "json"], desk.environment, card: "4000000000009029")
    let ledger = "\(desk.server.root)/server/ledger.db"
    while paying.isRunning, try Sqlite.lines(ledger, "SELECT count(*) FROM payment") == ["0"] { usleep(20_000) }
    paying.signal(signal)
    let cut = try paying.result()
    #expect(cut.status == 2, "\(cut)")
    let told = try JSONSerialization.jsonObject(with: Data(cut.output.utf8)) as? [String: String]
    #expect(told?["outcome"] == "UNKNOWN", "\(cut)")
    let key = try #require(told?["key"])
    let words = cut.errors.replacing("-", with: "")
    #expect(words.contains("pay key \(key)") && words.contains("countersignterminal status \(key)"), "\(cut)")

    var asked: Program.Result
    repeat {
      usleep(200_000)
      asked = try desk.terminal(["status", key])
    } while asked.status == 2
    #expect(asked.status == 0 && asked.output.contains("APPROVED"), "\(asked)")
    #expect(try Sqlite.lines(ledger, "SELECT count(*) FROM payment") == ["1"])
  }

  @Test(arguments: [SIGINT, SIGQUIT, SIGTERM, SIGHUP])
  func beforeItIsSentTheSignalEndsTheProgram(_ signal: Int32) async throws {
    let gateway = try GatewayProcess()
    _ = try gateway.terminal("Kim")
    gateway.server.kill()
    try await gateway.logs("the connection to the service is lost")
    let waiting = try Self.start(Self.command, gateway.environment("Kim"), card: "4111111111111111")
    while waiting.isRunning, !waiting.errors.contains("waiting until") { try await Task.sleep(for: .milliseconds(20)) }
    waiting.signal(signal)
    let status = try waiting.wait()
    #expect(status == 128 + signal, "\(waiting.errors)")
  }

  private static func start(
    _ arguments: [String], _ environment: [String: String], card: String
  ) throws -> RunningProgram {
    let program = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-terminal").path, arguments, environment: environment,
      errors: .kept)
    program.type(#"{"card_number":"\#(card)","expiry_year":2035,"expiry_month":12}"#)
    program.endInput()
    return program
  }
}
