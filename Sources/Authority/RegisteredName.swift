import Bytes
import Cryptography

/// Names that companies, consultants and administrators are registered under, which stand in their certificates.
public enum RegisteredName {
  /// What a name breaks of the rules, as words behind the name of its field or argument; nil where it may be registered.
  public static func fault(of name: String) -> String? {
    guard (1...64).contains(name.utf8.count), !name.unicodeScalars.contains(where: ShownText.isHidden),
      !hasIdleJoiner(name)
    else {
      return "must be 1 to 64 bytes of UTF-8 without control characters and without characters that hide or turn text"
    }
    guard name.first?.isWhitespace != true, name.last?.isWhitespace != true else {
      return "must not begin or end with a space"
    }
    guard !name.isDigits else {
      return "must not be digits alone, which are a number"
    }
    return nil
  }

  /// A joiner that joins nothing, so that nobody sees it: the scripts that need joiners begin at U+0600.
  private static func hasIdleJoiner(_ name: String) -> Bool {
    var before: Unicode.Scalar = " "
    for scalar in name.unicodeScalars {
      if ShownText.isJoiner(scalar), before.value < 0x600 || ShownText.isJoiner(before) { return true }
      before = scalar
    }
    return ShownText.isJoiner(before)
  }

  /// What names have in common that people take for one: letters without their case, whitespace as one space.
  public static func folded(_ name: String) -> String {
    // Small letters first, since U+1E9E has no capitals; then capitals, since U+00DF becomes SS with them.
    name.split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased().uppercased().lowercased()
  }
}
