/// Names as protoc-gen-c makes them (its `c_helpers.cc`).
enum CNames {
  /// Type of a message or enum: `countersign.v1.LoginReply` is `Countersign__V1__LoginReply`.
  static func type(_ fullName: String) -> String { join(fullName, camel) }

  /// Prefix of a message's functions: `countersign__v1__login_reply`.
  static func function(_ fullName: String) -> String { join(fullName, lower) }

  /// Prefix of a message's macros and of an enum's values: `COUNTERSIGN__V1__LOGIN_REPLY`.
  static func constant(_ fullName: String) -> String { function(fullName).uppercased() }

  /// Member of a struct.
  static func field(_ name: String) -> String {
    let member = name.lowercased()
    return keywords.contains(member) ? "\(member)_" : member
  }

  /// Member that tells how many elements a repeated field has.
  static func count(_ name: String) -> String { "n_\(field(name))" }

  /// Member that tells which field of a oneof is set.
  static func oneofCase(_ name: String) -> String { "\(lower(name))_case" }

  /// Member of a service's struct, and end of its function's name.
  static func method(_ name: String) -> String { lower(name) }

  /// Whether C takes a member of this name for something else, so that protoc-gen-c's output does not compile: its own
  /// list of keywords ends with C++98, has no macros, and does not serve methods. Two underscores begin what compilers
  /// add, such as `__asm__`.
  static func isBroken(_ member: String) -> Bool { cKeywords.contains(member) || member.hasPrefix("__") }

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

  /// Keywords of C as of C23 and of GNU C, and macros that Linux compilers and protobuf-c.h define.
  private static let cKeywords: Set = [
    "alignas", "alignof", "asm", "auto", "bool", "break", "case", "char", "const", "constexpr", "continue", "default",
    "do", "double", "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int", "linux", "long",
    "nullptr", "register", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "struct",
    "switch", "thread_local", "true", "typedef", "typeof", "typeof_unqual", "union", "unix", "unsigned", "void",
    "volatile", "while",
  ]

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
  static func escape(_ name: String) -> String { quoted(["init", "self"].contains(name) ? "\(name)Value" : name) }

  /// A name in backticks where Swift takes it for a member only so.
  static func quoted(_ name: String) -> String { keywords.contains(name) ? "`\(name)`" : name }

  /// A name without its backticks, for making another one of it.
  static func unquoted(_ name: String) -> String { name.filter { $0 != "`" } }

  /// Whether a name has anything that Swift can name a property, a value or a method after.
  static func isName(_ name: String) -> Bool { name.contains { $0 != "_" } }

  /// Whether a name begins, underscores aside, with a letter, as a type of Swift and of C must.
  static func isTypeName(_ name: String) -> Bool { name.first { $0 != "_" }?.isLetter ?? false }

  /// Types that generated code names: a message or enum of the same name would hide them from it.
  static let taken: Set = [
    "Any", "Arena", "Bool", "C", "CallOptions", "Double", "Equatable", "Float", "Hashable", "Int32", "Int64", "Message",
    "MethodTable", "Optional", "RPCStatus", "RawRepresentable", "RawValue", "Sendable", "ServerContext", "String",
    "StringLiteralType", "UInt32", "UInt64", "UInt8", "UnaryCaller", "UnsafeMutablePointer", "UnsafePointer",
  ]

  /// Functions that generated code names: a property of the same name would hide them from it.
  static let takenMembers: Set = ["messageDescriptor"]

  private static let keywords: Set = [
    "as", "associatedtype", "await", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do",
    "else",
    "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "init",
    "inout", "internal", "is", "let", "nil", "operator", "precedencegroup", "private", "protocol", "public", "repeat",
    "rethrows", "return", "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
    "typealias", "var", "where", "while",
  ]
}
