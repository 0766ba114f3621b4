import AcquirerSimulator
import Foundation
import Payments
import Testing

/// Source: docs/simulator.md, "Log".
@Suite struct LogTests {
  private func simulator(_ file: TemporaryFile) throws -> Simulator {
    try Simulator(SimulatorConfiguration(logPath: file.path), timer: TestTimer())
  }

  @Test func eachOperationIsALine() throws {
    let file = TemporaryFile()
    let simulator = try simulator(file)
    _ = simulator.ask(.sale, 17, card: "4111111111111111")
    _ = simulator.ask(.sale, 18, card: "4000000000000515")
    _ = simulator.ask(.sale, 19, card: "4000000000009045")
    _ = simulator.ask(.inquiry, 19)
    _ = simulator.ask(.reversal, 19)
    #expect(
      try file.text == """
        sale 17 500 KRW charged approved
        sale 18 500 KRW free declined
        sale 19 500 KRW charged unanswered
        inquiry 19 500 KRW charged unknown
        reversal 19 500 KRW free reversed

        """)
  }

  @Test func aLateSaleIsTwoLines() throws {
    let file = TemporaryFile()
    let simulator = try simulator(file)
    _ = simulator.ask(.sale, 1, card: "4000000000009078")
    _ = simulator.ask(.reversal, 1)
    let words = try file.text.split(separator: "\n").map { $0.split(separator: " ").suffix(2).joined(separator: " ") }
    #expect(words == ["free unanswered", "free notFound", "charged approved"])
  }

  @Test func aNewProcessKnowsWhatWasCharged() throws {
    let file = TemporaryFile()
    let first = try simulator(file)
    _ = first.ask(.sale, 1, card: "4111111111111111")
    _ = first.ask(.sale, 2, card: "4000000000009029")
    _ = first.ask(.sale, 3, card: "4000000000009029")
    _ = first.ask(.reversal, 3)
    let second = try simulator(file)
    #expect((1...3).map { second.ask(.inquiry, $0).map(\.result) } == [[.approved], [.approved], [.notFound]])
    #expect(second.ask(.reversal, 1).map(\.result) == [.reversed])
    #expect(try file.text.split(separator: "\n").count == 8)
  }

  @Test func nobodyElseMayReadIt() throws {
    let file = TemporaryFile()
    _ = try simulator(file)
    let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func noCardNumberIsInIt() throws {
    let file = TemporaryFile()
    let simulator = try simulator(file)
    for card in ["4111111111111111", "4000000000009029", "4000000000000515"] { _ = simulator.ask(.sale, 1, card: card) }
    let text = try file.text
    #expect(!text.contains("411111") && !text.contains("400000"))
  }

  @Test func anotherFileIsNotTakenForALog() throws {
    let file = TemporaryFile()
    try "hello\n".write(toFile: file.path, atomically: true, encoding: .utf8)
    #expect(throws: SimulatorError.self) { try simulator(file) }
  }

  @Test func aPathThatCannotBeOpenedIsNamed() {
    let error = #expect(throws: SimulatorError.self) {
      try Simulator(SimulatorConfiguration(logPath: "/nowhere/simulator.log"))
    }
    #expect(error?.description.contains("/nowhere/simulator.log") == true)
  }
}
