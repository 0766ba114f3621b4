import Foundation
import ISO8583
import TestPrograms
import Testing

/// Random messages of pyiso8583: we read what it wrote, write what it wrote, and it reads what we accept.
@Suite(.timeLimit(.minutes(5))) struct VectorTests {
  static let tables = [
    "dialects/iso8583-1987-ascii.fields", "dialects/iso8583-1987-bcd.fields", "dialects/iso8583-1993-ascii.fields",
    "dialects/iso8583-1993-bcd.fields", "Tests/Vectors/iso8583/every-format.fields",
  ]

  @Test(arguments: tables) func weReadWhatPythonWroteAndWriteTheSameBytes(_ path: String) throws {
    let table = try Repository.table(path)
    let lines = try Repository.runPython("iso8583_cases.py", ["make", path, "1", "500"]).good().lines
    try #require(lines.count == 500)
    for example in try lines.map(Case.init) {
      #expect(table.content(try table.decode(example.bytes)) == example.content)
      #expect(try table.encode(table.message(example.content)) == example.bytes)
    }
  }

  /// We may refuse what Python reads, but what we accept must mean the same.
  @Test(arguments: tables) func alteredBytesMeanTheSameToPythonOrAreRefused(_ path: String) throws {
    let table = try Repository.table(path)
    var dice = Dice(state: 7)
    var accepted: [(bytes: [UInt8], content: [String: String])] = []
    let lines = try Repository.runPython("iso8583_cases.py", ["make", path, "2", "400"]).good().lines
    for example in try lines.map(Case.init) {
      for _ in 0..<8 {
        var bytes = example.bytes
        switch dice.roll(3) {
        case 0: bytes[dice.roll(bytes.count)] ^= 1 << UInt8(dice.roll(8))
        case 1: bytes.removeLast(dice.roll(bytes.count))
        default: bytes[dice.roll(bytes.count)] = UInt8(ascii: "0") + UInt8(dice.roll(10))
        }
        if let message = try? table.decode(bytes) { accepted.append((bytes, table.content(message))) }
      }
    }
    try #require(accepted.count > 100)
    let file = FileManager.default.temporaryDirectory.appending(path: "iso8583-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try accepted.map { hexText($0.bytes) }.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
    let read = try Repository.runPython("iso8583_cases.py", ["read", path, file.path()]).good().lines
    try #require(read.count == accepted.count)
    for (line, example) in zip(read, accepted) {
      #expect(try Case.content(line) == example.content, "\(hexText(example.bytes))")
    }
  }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice {
  var state: UInt64
  /// 0 up to `sides` - 1.
  mutating func roll(_ sides: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ mixed >> 31) % UInt64(sides))
  }
}
