import Bytes
import Cryptography
import Foundation
import TestPrograms
import Testing

/// Bytes of hexadecimal text; nothing where it is malformed, which no test expects.
func hex(_ text: String) -> [UInt8] { Hex.decode(text.filter { !$0.isWhitespace }) ?? [] }

func secret(_ text: String) -> SecretBytes { SecretBytes(copying: hex(text)) }

extension SecretBytes {
  var copied: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// A file of `Tests/Vectors`, decoded.
func vectors<Content: Decodable>(_ path: String, as: Content.Type) throws -> Content {
  let file = URL(filePath: Repository.path("Tests/Vectors/\(path)"))
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try decoder.decode(Content.self, from: try Data(contentsOf: file))
}
