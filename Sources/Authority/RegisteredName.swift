import Cryptography

/// Names that companies, consultants and administrators are registered under, which stand in their certificates.
public enum RegisteredName {
  /// What a name breaks of the rules, as words behind the name of its field or argument; nil where it may be registered.
  public static func fault(of name: String) -> String? {
    guard (1...64).contains(name.utf8.count), !name.unicodeScalars.contains(where: ShownText.isHidden) else {
      return "must be 1 to 64 bytes of UTF-8 without control characters and without characters that hide or turn text"
    }
    guard name.first?.isWhitespace != true, name.last?.isWhitespace != true else {
      return "must not begin or end with a space"
    }
    guard !name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return "must not be digits alone, which are a number"
    }
    return nil
  }
}
