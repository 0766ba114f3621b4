/// A protocol that a peer seems to speak instead of this one, told from the first four bytes.
public enum ForeignProtocol: Sendable, Equatable {
  /// An HTTP request or response, HTTP/2's preface included.
  case http
  /// A TLS record: TLS inside TLS.
  case tls

  /// What the first four bytes of a connection look like; nil where nothing is known about them.
  ///
  /// - Precondition: at least 4 bytes.
  public init?(firstBytes bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count >= 4)
    // TLS record (RFC 8446 section 5.1): content type 20 to 24, then version 3.x.
    if (20...24).contains(bytes[0]), bytes[1] == 3, bytes[2] <= 4 {
      self = .tls
      return
    }
    let word = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
    guard Self.httpBeginnings.contains(where: { word == $0 }) else { return nil }
    self = .http
  }

  /// Methods of RFC 9110 section 9, PATCH, the preface of RFC 9113 section 3.4, and a status line; four bytes each.
  private static let httpBeginnings: [UInt32] = [
    "GET ", "HEAD", "POST", "PUT ", "DELE", "CONN", "OPTI", "TRAC", "PATC", "PRI ", "HTTP",
  ].map { text in text.utf8.reduce(0) { $0 << 8 | UInt32($1) } }
}
