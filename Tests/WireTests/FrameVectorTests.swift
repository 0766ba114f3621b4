import Foundation
import TestPrograms
import Testing

@testable import Wire

/// Runs `Tests/Vectors/frame/frames.json`.
@Suite struct FrameVectorTests {
  struct Vector: Decodable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let outcome: String
    let type: UInt8?
    let stream: UInt32?
    let flags: UInt8?
    let meta: String?
    let message: String?
    let total: Int?
    let reason: String?

    var testDescription: String { name }
  }

  static let vectors: [Vector] = {
    let file = URL(filePath: Repository.path("Tests/Vectors/frame/frames.json"))
    guard let data = try? Data(contentsOf: file) else { return [] }
    return (try? JSONDecoder().decode([Vector].self, from: data)) ?? []
  }()

  @Test func theFileIsThere() {
    #expect(Self.vectors.count >= 50)
  }

  @Test(arguments: vectors) func isReadAsTheVectorSays(_ vector: Vector) throws {
    let bytes = try #require(decodeHex(vector.bytes))
    var deframer = Deframer()
    bytes.withUnsafeBytes { expect(deframer.next(in: $0), is: vector) }
  }

  @Test(arguments: vectors) func isReadTheSameByteByByte(_ vector: Vector) throws {
    let bytes = try #require(decodeHex(vector.bytes))
    var deframer = Deframer()
    for count in 0...bytes.count {
      let isLast = bytes[..<count].withUnsafeBytes { part in
        let outcome = deframer.next(in: part)
        if case .needMore(let total) = outcome, count < bytes.count {
          #expect(total > count)
          return false
        }
        if count < bytes.count, case .violation = outcome {
          #expect(vector.outcome == "violation")
        } else {
          expect(outcome, is: vector)
        }
        return true
      }
      if isLast { return }
    }
  }

  private func expect(_ outcome: Deframer.Outcome, is vector: Vector) {
    switch outcome {
    case .needMore(let total):
      #expect(vector.outcome == "needMore")
      #expect(total == vector.total)
    case .frame(let frame):
      #expect(vector.outcome == "frame")
      #expect(frame.header.type.rawValue == vector.type)
      #expect(frame.header.stream == vector.stream)
      #expect(frame.header.flags.rawValue == vector.flags)
      #expect(Array(frame.meta) == decodeHex(vector.meta ?? "?"))
      #expect(Array(frame.message) == decodeHex(vector.message ?? "?"))
    case .violation(let violation):
      #expect(vector.outcome == "violation")
      #expect(violation.closeReason.reason == vector.reason)
    }
  }
}

/// Bytes of an even number of hex digits.
func decodeHex(_ text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 2 == 0 else { return nil }
  return stride(from: 0, to: digits.count, by: 2).reduce(into: [UInt8]?([])) { bytes, index in
    let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
    bytes = byte.flatMap { byte in bytes.map { $0 + [byte] } }
  }
}
