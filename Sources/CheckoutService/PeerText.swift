import Cryptography

/// Text that peers choose and operators are shown.
enum PeerText {
  /// Longest program and version, bytes of UTF-8.
  static let largestProgram = 64
  /// Characters of a refusal's cause that the journal keeps.
  static let largestCause = 512

  /// Program and version that a peer names itself by.
  ///
  /// - Throws: INVALID_FIELD where it could write other lines into a trace, or fill the journal.
  static func program(_ text: String, field: String = "program_version") throws(ServiceRefusal) -> String {
    guard text.utf8.count <= largestProgram, !text.unicodeScalars.contains(where: ShownText.isHidden) else {
      throw ServiceRefusal(
        .invalidField, field: field,
        description: "must be at most \(largestProgram) bytes of UTF-8 without control characters and without "
          + "characters that hide or turn text")
    }
    return text
  }

  /// A cause as the journal keeps it: on one line and not longer than it may be, since parts of it may be a peer's.
  static func cause(_ text: String) -> String {
    let start = text.prefix(largestCause)
    return ShownText.escaped(String(start)) + (start.endIndex < text.endIndex ? "…" : "")
  }
}
