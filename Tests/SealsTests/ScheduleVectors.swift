import Bytes
import Cryptography
import Foundation
import TestPrograms
import Testing

/// One session of `Tests/Vectors/seals/schedule.json`, computed by an independent program from the documents alone.
struct ScheduleCase: Sendable, CustomTestStringConvertible {
  let fields: [String: String]

  var testDescription: String { fields["name"] ?? "without a name" }

  /// Bytes of a field in hexadecimal.
  subscript(_ name: String) -> [UInt8] {
    guard let text = fields[name], let bytes = Hex.decode(text) else {
      Issue.record("\(name) is missing or not hexadecimal")
      return []
    }
    return bytes
  }

  func text(_ name: String) -> String { fields[name] ?? "" }
  func number(_ name: String) -> UInt64 { self[name].reduce(0) { $0 << 8 | UInt64($1) } }
  func bytes16(_ name: String) throws -> Bytes16 { try #require(Bytes16(self[name])) }
  func bytes32(_ name: String) throws -> Bytes32 { try #require(Bytes32(self[name])) }
  func secret(_ name: String) -> SecretBytes { SecretBytes(copying: self[name]) }

  static let all: [ScheduleCase] = {
    guard let data = try? Data(contentsOf: URL(filePath: Repository.path("Tests/Vectors/seals/schedule.json"))),
      let parsed = try? JSONDecoder().decode([String: [[String: String]]].self, from: data)
    else { return [] }
    return (parsed["cases"] ?? []).map(ScheduleCase.init)
  }()
}

extension SecretBytes {
  var copied: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
