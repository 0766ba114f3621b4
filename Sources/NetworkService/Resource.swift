import Bytes
import Cryptography
import Files

/// Something that is served under one path.
struct Resource: Sendable {
  enum Body: Sendable {
    case bytes([UInt8])
    case file(OpenFile)
  }

  let body: Body
  /// Media type (RFC 9110 section 8.3.1).
  let contentType: String
  /// Name under which a browser is to save it; nil: it is shown.
  let fileName: String?
  /// Strong entity tag with its quotes (RFC 9110 section 8.8.3): the SHA-256 of the bytes.
  let entityTag: String

  var count: Int {
    switch body {
    case .bytes(let bytes): bytes.count
    case .file(let file): Int(file.size)
    }
  }

  init(_ bytes: [UInt8], _ contentType: String, fileName: String? = nil) {
    body = .bytes(bytes)
    self.contentType = contentType
    self.fileName = fileName
    entityTag = Self.tag(SHA256.digest(bytes))
  }

  /// - Parameter digest: SHA-256 of the file.
  init(_ file: OpenFile, digest: Bytes32, fileName: String) {
    body = .file(file)
    contentType = "application/octet-stream"
    self.fileName = fileName
    entityTag = Self.tag(digest)
  }

  private static func tag(_ digest: Bytes32) -> String { "\"\(Hex.encode(digest.bytes))\"" }

  /// Whether an If-None-Match names these bytes (RFC 9110 section 13.1.2; the comparison is weak).
  func isNamed(by ifNoneMatch: [String]) -> Bool {
    ifNoneMatch.flatMap { $0.split(separator: ",") }.contains { tag in
      let tag = tag.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
      return tag == "*" || (tag.hasPrefix("W/") ? tag.dropFirst(2) : tag) == entityTag
    }
  }
}
