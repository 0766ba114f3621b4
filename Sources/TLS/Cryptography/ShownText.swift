import Bytes

/// Text of others as people are shown it.
public enum ShownText {
  /// With control characters, and those that change lines or direction of the text around them, as the pairs of
  /// hexadecimal digits of RFC 4514 section 2.4: what follows a NUL may be cut off on the way, and what follows U+202E
  /// reads backwards.
  public static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHidden) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      if isHidden(scalar) {
        for byte in UTF8.encode(scalar) ?? .init() { shown += "\\" + Hex.encode([byte]).uppercased() }
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// C0, DEL, C1, and Unicode's characters for lines and direction and those without width; not the two joiners, which
  /// some scripts are written with.
  public static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0xAD, 0x34F, 0x61C, 0x115F...0x1160, 0x180E, 0x200B, 0x200E...0x200F, 0x2028...0x202E,
      0x2060...0x2069, 0x3164, 0xFEFF, 0xFFA0, 0xE0000...0xE007F:
      true
    default: false
    }
  }
}
