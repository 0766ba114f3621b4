/// JSON for programs that read our output; values in a fixed order.
public enum JSON {
  public enum Value {
    case text(String)
    case number(Int64)
    case truth(Bool)
    /// Objects, each as ``JSON/object(_:)`` made it.
    case list([String])
    case texts([String])
  }

  /// One object on one line.
  public static func object(_ fields: [(String, Value)]) -> String {
    "{" + fields.map { "\(quote($0)):\(text($1))" }.joined(separator: ",") + "}"
  }

  private static func text(_ value: Value) -> String {
    switch value {
    case .text(let text): quote(text)
    case .number(let number): String(number)
    case .truth(let truth): truth ? "true" : "false"
    case .list(let objects): "[" + objects.joined(separator: ",") + "]"
    case .texts(let texts): "[" + texts.map(quote).joined(separator: ",") + "]"
    }
  }

  /// RFC 8259 section 7.
  private static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case let control where control.value < 0x20:
        quoted += "\\u00" + Hex.encode([UInt8(control.value)])
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
