/// Names as protoc-gen-c makes them (its `c_helpers.cc`).
enum CNames {
  /// Type of a message or enum: `countersign.v1.LoginReply` is `Countersign__V1__LoginReply`.
  static func type(_ fullName: String) -> String { join(fullName, camel) }

  /// Prefix of a message's functions: `countersign__v1__login_reply`.
  static func function(_ fullName: String) -> String { join(fullName, lower) }

  /// Member of a struct.
  static func field(_ name: String) -> String {
    let member = name.lowercased()
    if keywords.contains(member) { return "\(member)_" }
    return SwiftNames.isKeyword(member) ? "`\(member)`" : member
  }

  /// Member that tells which field of a oneof is set.
  static func oneofCase(_ name: String) -> String { "\(lower(name))_case" }

  private static func join(_ fullName: String, _ part: (String) -> String) -> String {
    fullName.split(separator: ".").map { part(String($0)) }.joined(separator: "__")
  }

  private static func camel(_ name: String) -> String {
    name.split(separator: "_", omittingEmptySubsequences: true).map { $0.prefix(1).uppercased() + $0.dropFirst() }
      .joined()
  }

  /// An underscore goes before each capital that follows a character that is none.
  private static func lower(_ name: String) -> String {
    var result = ""
    var wasUpper = true
    for character in name {
      if character.isUppercase, !wasUpper { result += "_" }
      wasUpper = character.isUppercase
      result += character.lowercased()
    }
    return result
  }

  /// Members that protoc-gen-c gives an underscore: keywords of C and C++.
  private static let keywords: Set = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "class", "compl",
    "const", "const_cast", "continue", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit",
    "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new",
    "not", "not_eq", "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "return", "short", "signed", "sizeof", "static", "static_cast", "struct", "switch", "template", "this", "throw",
    "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual", "void", "volatile",
    "wchar_t", "while", "xor", "xor_eq",
  ]
}

/// Names as Swift writes them.
enum SwiftNames {
  /// `mac_address` and `MAC_ADDRESS` are `macAddress`.
  static func property(_ name: String) -> String {
    let parts = (name.contains(where: \.isLowercase) ? name : name.lowercased()).split(separator: "_")
    guard let first = parts.first else { return name }
    let camel =
      first.prefix(1).lowercased() + first.dropFirst()
      + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    return escape(camel.first?.isNumber == true ? "_\(camel)" : camel)
  }

  /// `BeginLogin` is `beginLogin`.
  static func method(_ name: String) -> String { escape(name.prefix(1).lowercased() + name.dropFirst()) }

  /// `public_key` is `PublicKey`.
  static func type(_ name: String) -> String {
    let camel = name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    return ["Type", "Protocol", "Self"].contains(camel) ? "\(camel)_" : camel
  }

  /// `OUTCOME_NOT_CHARGED` of enum `Outcome` is `notCharged`.
  static func value(_ name: String, of enumeration: String) -> String {
    var prefix = ""
    var wasUpper = true
    for character in enumeration {
      if character.isUppercase, !wasUpper { prefix += "_" }
      wasUpper = character.isUppercase
      prefix += character.uppercased()
    }
    prefix += "_"
    let rest = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    return property(rest.lowercased())
  }

  /// A name that Swift takes for what it is.
  static func escape(_ name: String) -> String {
    if ["init", "self"].contains(name) { return "\(name)Value" }
    return isKeyword(name) ? "`\(name)`" : name
  }

  /// Whether Swift takes the name for a member only in backticks.
  static func isKeyword(_ name: String) -> Bool { keywords.contains(name) }

  /// Types that generated code names: a message or enum of the same name would hide them from it.
  static let taken: Set = [
    "Arena", "Bool", "CallOptions", "Double", "Equatable", "Float", "Hashable", "Int32", "Int64", "Message",
    "MethodTable", "Optional", "RPCStatus", "RawRepresentable", "Sendable", "ServerContext", "String", "UInt32",
    "UInt64", "UInt8", "UnaryCaller", "UnsafeMutablePointer", "UnsafePointer",
  ]

  private static let keywords: Set = [
    "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do", "else",
    "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "init",
    "inout", "internal", "is", "let", "nil", "operator", "precedencegroup", "private", "protocol", "public", "repeat",
    "rethrows", "return", "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
    "typealias", "var", "where", "while",
  ]
}
