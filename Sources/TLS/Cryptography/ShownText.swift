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

  /// Control characters, Unicode's characters for lines and direction, those without width or without a shape that people
  /// know; not the two joiners, which some scripts are written with.
  public static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
    guard !isJoiner(scalar) else { return false }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: return true
    // U+2800 is Braille without a dot.
    default: return scalar.properties.isDefaultIgnorableCodePoint || scalar.value == 0x2800
    }
  }

  /// U+200C and U+200D, which have a meaning between letters of some scripts and none elsewhere.
  public static func isJoiner(_ scalar: Unicode.Scalar) -> Bool { (0x200C...0x200D).contains(scalar.value) }
}
