import Foundation
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
}
