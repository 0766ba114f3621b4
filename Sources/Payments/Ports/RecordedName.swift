/// A registered name in the text of a record: as it is, or, where it has a comma or a quotation mark, between quotation
/// marks with a `\` before each `"` and `\` of it. So nothing that stands behind it can be taken for a part of it.
///
/// Source: docs/audit.md, "Records".
public enum RecordedName {
  public static func text(_ name: String) -> String {
    guard name.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" }) else { return name }
    var text = "\"".unicodeScalars
    for scalar in name.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { text.append("\\") }
      text.append(scalar)
    }
    text.append("\"")
    return String(text)
  }

  /// Takes the name off a text that begins with it.
  ///
  /// - Returns: nil where no quotation mark ends it; nothing was taken then.
  public static func take(from text: inout Substring) -> String? {
    var rest = text.unicodeScalars
    guard rest.first == "\"" else {
      let name = rest.prefix { $0 != "," }
      text = text[name.endIndex...]
      return String(name)
    }
    rest.removeFirst()
    var name = "".unicodeScalars
    while let scalar = rest.popFirst() {
      if scalar == "\"" {
        text = text[rest.startIndex...]
        return String(name)
      }
      guard let plain = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
      name.append(plain)
    }
    return nil
  }
}
