import AcquirerISO8583
import Foundation
import TestAcquirer
import Testing

/// Refunds and voids over ISO 8583 with real processes, and the server killed between sending and the answer.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RefundKillTests {
  @Test func aRefundThatWasSentWhenTheServerWasKilledIsNeverSentAgain() async throws {
    let server = try ServerProcess()
    let host = try HostProcess(folder: server.root, arguments: ["--late-ms", "600000"])
    let path = try Dialect.writeExample("example-1987", ["address": "address localhost:\(host.port)"], in: server.root)
    server.acquirer = ["--acquirer", "iso8583", "--acquirer-config", path]
    let desk = try Desk(server: server)
    let lee = try Self.secondAdministrator(desk)
    let payment = try Self.paid(desk)

    let refund = try desk.requested(["refund", payment, "--amount", "5053"])
    let confirming = Self.confirm(refund, lee, desk)
    try await Self.until { host.lines.contains { $0[0] == "refund" } }
    server.kill()
    _ = try await confirming.value
    for _ in 0..<3 {
      try server.start()
      try await server.logs("a refund has no answer")
      #expect(server.logText.contains("operation=\(refund)"))
      let listed = try desk.admin(["operations", "list", "--payment", payment])
      #expect(listed.output.contains("UNKNOWN"), "\(listed)")
      server.kill()
    }
    #expect(host.lines.filter { $0[0] == "refund" }.count == 1)

    // The acquirer's log says that it was done.
    try server.start()
    let settled = try desk.admin(["operations", "settle", refund, "--done", "--admin", lee])
    #expect(settled.status == 0 && settled.output.contains("DONE"), "\(settled)")
    let over = try desk.admin(["refund", payment, "--amount", "7848"])
    #expect(over.status == 64 && over.errors.contains("--amount: "), "\(over)")
    let rest = try desk.requested(["refund", payment, "--amount", "7847"])
    let done = try desk.admin(["confirm", rest, "--admin", lee])
    #expect(done.status == 0 && done.output.contains("DONE"), "\(done)")
    let trace = try desk.admin(["trace", payment])
    #expect(trace.output.contains("APPROVED, REFUNDED"), "\(trace)")
    #expect(host.lines.filter { $0[7] == "refunded" }.map { $0[5] } == ["000000005053", "000000007847"])
  }

  @Test func aVoidThatWasSentWhenTheServerWasKilledEndsInOneVoid() async throws {
    let server = try ServerProcess()
    let host = try HostProcess(folder: server.root)
    let path = try Dialect.writeExample(
      "example-1987", ["address": "address localhost:\(host.port)", "cut-off": "cut-off \(Self.farCutOff)"],
      in: server.root)
    server.acquirer = ["--acquirer", "iso8583", "--acquirer-config", path]
    let desk = try Desk(server: server)
    let lee = try Self.secondAdministrator(desk)
    let payment = try Self.paid(desk, amount: "12952")

    let void = try desk.requested(["void", payment])
    let confirming = Self.confirm(void, lee, desk)
    try await Self.until { host.lines.contains { $0[0] == "void" } }
    server.kill()
    _ = try await confirming.value
    try server.start()
    try await Self.until {
      try desk.admin(["operations", "list", "--payment", payment]).output.contains("DONE")
    }
    #expect(host.charged.isEmpty && host.lines.filter { $0[0] == "void" }.map { $0[7] } == ["free", "free"])
    let trace = try desk.admin(["trace", payment])
    #expect(trace.output.contains("APPROVED, VOIDED"), "\(trace)")
  }

  /// Twelve hours from now at +09:00, so that the day does not end while the test runs.
  private static var farCutOff: String {
    let seconds = (Int(Date().timeIntervalSince1970) + 9 * 3_600 + 12 * 3_600) % 86_400
    return String(format: "%02d:%02d", seconds / 3_600, seconds / 60 % 60)
  }

  private static func secondAdministrator(_ desk: Desk) throws -> String {
    let folder = "\(desk.server.root)/lee"
    let added = try desk.admin(["administrator", "add", "Lee Jun", "--role", "operator", "--folder", folder])
    try #require(added.status == 0, "\(added)")
    return folder
  }

  /// - Returns: the payment's number.
  private static func paid(_ desk: Desk, amount: String = "12900") throws -> String {
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", amount, "--currency", "KRW", "--output", "json"], input: Desk.card)
    try #require(paid.status == 0, "\(paid)")
    let receipt = try JSONSerialization.jsonObject(with: Data(paid.output.utf8)) as? [String: Any]
    return "\(try #require(receipt?["payment"] as? Int))"
  }

  /// Begins to confirm; ends when the server answers or is gone.
  private static func confirm(_ operation: String, _ administrator: String, _ desk: Desk) -> Task<
    Program.Result, any Error
  > {
    let environment = desk.server.admin
    return Task {
      try Program.run(
        "countersign-admin", ["confirm", operation, "--admin", administrator], environment: environment)
    }
  }

  private static func until(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(50)) }
  }
}

extension Desk {
  /// - Returns: the number of the operation that was asked for.
  fileprivate func requested(_ arguments: [String]) throws -> String {
    let asked = try admin(arguments + ["--output", "json"])
    try #require(asked.status == 0, "\(asked)")
    let operation = try JSONSerialization.jsonObject(with: Data(asked.output.utf8)) as? [String: Any]
    return "\(try #require(operation?["operation"] as? Int))"
  }
}
