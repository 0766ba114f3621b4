import Foundation
import Testing

/// Files of open payments in a terminal's folder that something has damaged.
@Suite struct OpenPaymentFileTests {
  @Test(arguments: [[], Array("not a payment".utf8)] as [[UInt8]])
  func aDamagedFileIsNamedAndTheOthersAreAskedFor(_ contents: [UInt8]) throws {
    let desk = try Desk()
    let pending = try Self.leaveOpen(desk)
    let damaged = String(repeating: "0", count: 32)
    try Data(contents).write(to: URL(filePath: "\(pending)/\(damaged)"))

    let status = try desk.terminal(["status"])
    #expect(status.status == 2, "\(status)")
    #expect(status.errors.contains("\(pending)/\(damaged) is damaged"), "\(status)")
    #expect(status.output.contains("APPROVED"), "\(status)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: pending) == [damaged])
  }

  /// Its name is no key, so nothing can be asked about it.
  @Test func aFileOfSomebodyElseIsToBeMovedAway() throws {
    let desk = try Desk()
    let file = "\(desk.server.root)/terminal/pending/notakey"
    try FileManager.default.createDirectory(
      atPath: "\(desk.server.root)/terminal/pending", withIntermediateDirectories: true)
    try Data("x".utf8).write(to: URL(filePath: file))
    let status = try desk.terminal(["status"])
    #expect(status.status == 2, "\(status)")
    #expect(status.errors.contains("\(file) is not of this program: its name is no payment's key; move"), "\(status)")
  }

  /// It was charged, and nobody may be told that it was not.
  @Test(arguments: [["status"], ["status", "KEY"], ["pay", "--key", "KEY"]])
  func whereNobodyAnswersAnOpenPaymentStaysUnknown(_ command: [String]) throws {
    let desk = try Desk()
    let pending = try Self.leaveOpen(desk)
    let key = try #require(try FileManager.default.contentsOfDirectory(atPath: pending).first)
    #expect(desk.server.stop() == 0)
    let order = command[0] == "pay" ? ["--order", "A-1", "--amount", "100", "--currency", "KRW"] : []
    let result = try desk.terminal(command.map { $0 == "KEY" ? key : $0 } + order, input: Desk.slowCard)
    #expect(result.status == 2 && result.errors.contains("whether it was charged stays unknown"), "\(result)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: pending) == [key])
  }

  /// - Returns: the folder of open payments, with one that was approved.
  private static func leaveOpen(_ desk: Desk) throws -> String {
    let pending = "\(desk.server.root)/terminal/pending"
    // What a terminal that was killed leaves: a copy taken while its payment waits for the acquirer's answer.
    let paying = try Program.shell(
      """
      '\(Program.folder.path)/countersign-terminal' pay --order A-1 --amount 100 --currency KRW < '\(desk.card(Desk.slowCard))' &
      until name=$(ls '\(pending)' | grep -v new) && [ "$name" ] && cp -p '\(pending)'/$name '\(desk.server.root)'/; do
        kill -0 $! || exit 3; done
      wait $!; mv '\(desk.server.root)'/$name '\(pending)'/
      """, environment: desk.environment)
    try #require(paying.status == 0, "\(paying)")
    return pending
  }
}

extension Desk {
  /// Charged after half a second, see docs/simulator.md.
  static let slowCard = #"{"card_number":"4000000000009037","expiry_year":2035,"expiry_month":12}"#

  /// A file with a card's JSON.
  func card(_ json: String) throws -> String {
    let path = "\(server.root)/card.json"
    try Data(json.utf8).write(to: URL(filePath: path))
    return path
  }
}
