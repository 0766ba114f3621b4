import Foundation
import TestPrograms
import Testing

/// A run of the load generator that was cut off stands in no later run's way.
@Suite struct BenchRunTests {
  @Test func whatAFailedRunRegisteredIsNotInTheWay() throws {
    let desk = try Desk()
    let root = desk.server.root
    try desk.admin(["company", "add", "Load", "--certificate", "\(root)/l.pem", "--key", "\(root)/l.key"]).good()
    func run(_ work: String, _ more: [String] = []) throws -> Program.Result {
      try Program.run(
        "countersign-bench",
        [
          "payment", "--server", "localhost:\(desk.server.port)", "--admin", "\(root)/server/admin", "--work",
          "\(root)/\(work)", "--shape", "1x1", "--payments", "2", "--seconds", "60",
        ] + more)
    }
    // Nobody listens there: its consultant is registered, and its terminal never enrolled.
    for _ in 0..<2 {
      let lost = try run("behind", ["--gateway", "localhost:1"])
      #expect(lost.status == 69 && !lost.errors.contains("NAME_TAKEN"), "\(lost)")
    }
    for work in ["first", "first", "second"] {
      let done = try run(work)
      #expect(done.status == 0 && done.output.hasPrefix("payment 1x1 "), "\(done)")
    }
  }
}
