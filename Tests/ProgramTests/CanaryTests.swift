import Foundation
import Testing

/// The scan for planted cards over a real service. PCI DSS 3.3 and 3.5.
@Suite(.serialized) struct CanaryTests {
  static let card = "5424183907264510"

  @Test func afterAPaymentNothingOfTheCardIsFound() throws {
    let desk = try Desk()
    let paid = try desk.terminal(
      ["pay", "--order", "C-1", "--amount", "900", "--currency", "KRW"],
      input: Desk.card.replacingOccurrences(of: "4111111111111111", with: Self.card))
    #expect(paid.status == 0, "\(paid)")
    let canary = try Self.canary(desk, input: Self.card + "\n")
    #expect(canary.status == 0, "\(canary)")
    #expect(canary.output.contains(" 0 findings") && canary.output.contains("RLIMIT_CORE 0"), "\(canary)")
  }

  /// Each form in a file of its own, planted around the border of the scanner's chunks.
  @Test(arguments: [
    ("digits", "5424183907264510"), ("middle digits", "390726"), ("base64", "NTQyNDE4MzkwNzI2NDUxMA=="),
    ("base64", "eDU0MjQxODM5MDcyNjQ1MTA="), ("base64", "eHg1NDI0MTgzOTA3MjY0NTEw"), ("packed decimal", ""),
  ]) func whatIsPlantedIsFoundWithItsPlace(_ form: String, _ text: String) throws {
    let desk = try Desk.shared.get()
    let bytes = text.isEmpty ? Data([0x54, 0x24, 0x18, 0x39, 0x07, 0x26, 0x45, 0x10]) : Data(text.utf8)
    let log = "\(desk.server.root)/planted.log"
    defer { try? FileManager.default.removeItem(atPath: log) }
    for place in [0, (1 << 20) - 3, 1 << 20, 3_000_000] {
      try (Data(count: place) + bytes + Data("\n".utf8)).write(to: URL(fileURLWithPath: log))
      let canary = try Self.canary(desk, ["--log", log], input: Self.card)
      #expect(canary.status == (form == "middle digits" ? 3 : 1), "\(canary)")
      let lines = canary.output.split(separator: "\n").filter { $0.hasSuffix(form) }
      let found = try #require(lines.first.flatMap { $0.split(separator: " ").dropFirst(2).first }?.dropLast())
      #expect(lines.count == 1 && abs((Int(found) ?? -1) - place) < 4, "\(canary)")
    }
  }

  @Test func whatIsWrongIsSaid() throws {
    let desk = try Desk.shared.get()
    let letters = try Self.canary(desk, input: "4111x")
    #expect(letters.status == 65, "\(letters)")
    #expect(letters.errors.contains("standard input: card 1: must have 12 to 19 digits"), "\(letters)")
    // A mistyped number is found nowhere, which would look like good news.
    let mistyped = try Self.canary(desk, input: "\(Self.card)\n5424183907264511\n")
    #expect(mistyped.status == 65 && mistyped.errors.contains("standard input: card 2: "), "\(mistyped)")
    #expect(mistyped.errors.contains("check digit") && !mistyped.errors.contains("5424183907264511"), "\(mistyped)")
    let nothing = try Program.run("countersign-server", ["canary", "--data", "/nowhere", "--stdin"], input: Self.card)
    #expect(nothing.status == 78 && nothing.errors.contains("/nowhere is no service's folder"), "\(nothing)")
    let both = try Self.canary(desk, ["--card-file", "cards"], input: Self.card)
    #expect(both.status == 64, "\(both)")
    let lost = try Self.canary(desk, ["--log", "/nowhere.log"], input: Self.card)
    #expect(lost.status == 74 && lost.errors.contains("/nowhere.log"), "\(lost)")
  }

  private static func canary(_ desk: Desk, _ more: [String] = [], input: String) throws -> Program.Result {
    try Program.run(
      "countersign-server", ["canary", "--data", "\(desk.server.root)/server", "--stdin"] + more, input: input)
  }
}
