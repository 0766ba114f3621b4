import Foundation
import MessageRuntime
import TestPrograms
import Testing

/// Random messages of google.protobuf: we read in them what it reads, and it reads in ours what we were given.
@Suite(.timeLimit(.minutes(5))) struct PythonTests {
  struct Case: CustomTestStringConvertible {
    let kind: String
    let bytes: [UInt8]
    /// What google.protobuf reads, or "refused".
    let content: String
    var testDescription: String { "\(kind) \(hex(bytes))" }
  }

  static let seeds = 1...8

  @Test(arguments: seeds) func weReadWhatPythonWrote(_ seed: Int) throws {
    for example in try Self.make(seed) where example.kind != "corrupt" {
      #expect(try text(of: Everything(decoding: example.bytes)) == example.content, "\(example.testDescription)")
    }
  }

  /// Our rules are narrower than Python's; but what they let through must mean the same.
  @Test(arguments: seeds) func corruptBytesMeanTheSameOrAreRefused(_ seed: Int) throws {
    for example in try Self.make(seed) where example.kind == "corrupt" {
      guard let read = try? Everything(decoding: example.bytes) else { continue }
      #expect(text(of: read) == example.content, "\(example.testDescription)")
    }
  }

  @Test(arguments: seeds) func pythonReadsWhatWeWrote(_ seed: Int) throws {
    let examples = try Self.make(seed).filter { $0.kind != "corrupt" }
    let file = FileManager.default.temporaryDirectory.appending(path: "countersign-messages-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let written = try examples.map { "-" + hex(try Everything(decoding: $0.bytes).encoded()) }
    try written.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
    let read = try Self.python("read", file.path())
    #expect(read.count == examples.count)
    for (content, example) in zip(read, examples) {
      #expect(content == example.content, "\(example.testDescription)")
    }
  }

  private static func make(_ seed: Int) throws -> [Case] {
    let lines = try python("make", "\(seed)", "200")
    try #require(lines.count == 200)
    return try lines.map { line in
      let parts = line.split(separator: " ", maxSplits: 2)
      try #require(parts.count == 3)
      return Case(kind: String(parts[0]), bytes: try bytes(parts[1].dropFirst()), content: String(parts[2]))
    }
  }

  private static func bytes(_ hex: Substring) throws -> [UInt8] {
    let digits = try hex.map { try #require($0.hexDigitValue) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
  }

  /// Lines that Tests/Python/message_cases.py prints.
  private static func python(_ arguments: String...) throws -> [Substring] {
    // google.protobuf is a Debian package here.
    try Repository.runPython("message_cases.py", arguments, with: Repository.debianPython).good().lines
  }
}
