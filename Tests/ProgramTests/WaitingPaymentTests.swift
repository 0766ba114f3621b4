import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// A payment that the service cannot take yet: the person at the terminal is told why nothing happens.
@Suite struct WaitingPaymentTests {
  /// Only root can mount a small disk.
  @Test(.enabled(if: geteuid() == 0)) func theReasonIsToldOnceAndThePaymentGoesThroughWhenItCan() throws {
    let disk = NSTemporaryDirectory() + "countersign-disk-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    let mounted = try Program.shell("mount -t tmpfs -o size=200m tmpfs '\(disk)'")
    try #require(mounted.status == 0, "\(mounted)")
    defer { _ = try? Program.shell("umount --lazy '\(disk)'; rmdir '\(disk)'") }
    let server = try ServerProcess()
    let moved = try Program.shell("mv '\(server.root)/server' '\(disk)/' && ln -s '\(disk)/server' '\(server.root)/'")
    try #require(moved.status == 0, "\(moved)")
    let desk = try Desk(server: server)

    let paid = try Program.shell(
      """
      fallocate -l 100M '\(disk)/filler'; cd '\(server.root)'; : > told
      '\(Program.folder.path)/countersign-terminal' pay --order A-1 --amount 100 --currency KRW --output json \
        < '\(desk.card(Desk.card))' 2> told &
      until grep -q waiting told; do kill -0 $! || break; sleep 0.05; done
      rm '\(disk)/filler'; wait $!; status=$?; cat told >&2; exit $status
      """, environment: desk.environment)
    #expect(paid.status == 0, "\(paid)")
    let lines = paid.errors.split(separator: "\n")
    #expect(lines.count == 1, "\(paid)")
    #expect(
      lines.first?.contains(/^waiting until \d{4}-.* UTC, and trying again: .*STORE_UNAVAILABLE/) == true, "\(paid)")
    let receipt = try JSONSerialization.jsonObject(with: Data(paid.output.utf8)) as? [String: Any]
    #expect(receipt?["outcome"] as? String == "APPROVED")
  }

  /// A service that is stopped where it is takes connections and never answers.
  @Test(arguments: [
    ["login", "--check"], ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW", "--output", "json"],
  ])
  func aServiceThatHangsIsToldAfterAFewSeconds(_ command: [String]) throws {
    let desk = try Desk()
    try desk.server.freeze()
    let program = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-terminal").path, command, environment: desk.environment,
      errors: .kept)
    program.type(Desk.card)
    program.endInput()
    let result = try program.result()
    desk.server.kill()
    #expect(result.status == 69 && result.output.isEmpty, "\(result)")
    let lines = result.errors.split(separator: "\n")
    let told = /^waiting until \d{4}-.* UTC at the latest: localhost port \d+ has not answered yet$/
    #expect(lines.count == 2 && lines.first?.contains(told) == true, "\(result)")
    #expect(lines.last?.hasPrefix("error: ") == true, "\(result)")
  }

  /// The payment is on its way, so that its outcome is unknown in the end.
  @Test func aServiceThatHangsWithAPaymentIsToldOnceBeforeItsEnd() throws {
    let desk = try Desk()
    let program = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-terminal").path,
      ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW", "--output", "json"],
      environment: desk.environment, errors: .kept)
    // Its answer takes the simulator 10 s.
    program.type(#"{"card_number":"4000000000009029","expiry_year":2035,"expiry_month":12}"#)
    program.endInput()
    let ledger = "\(desk.server.root)/server/ledger.db"
    while program.isRunning, try Sqlite.lines(ledger, "SELECT count(*) FROM payment") == ["0"] { usleep(20_000) }
    try desk.server.freeze()
    while program.isRunning, !program.errors.contains("has not answered yet") { usleep(20_000) }
    #expect(program.output.isEmpty, "\(program.output)")
    program.signal(SIGINT)
    let result = try program.result()
    desk.server.kill()
    #expect(result.status == 2 && result.output.contains("UNKNOWN"), "\(result)")
    #expect(result.errors.split(separator: "\n").count { $0.hasPrefix("waiting until ") } == 1, "\(result)")
  }
}
