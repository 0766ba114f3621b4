/// All messages and enums of a request, by full name.
struct TypeTable {
  private var swiftNames: [String: String] = [:]
  /// Full name of the message or enum of a file that a type is or lies in.
  private var outermost: [String: String] = [:]
  private var mapEntries: [String: ProtoMessage] = [:]
  /// Messages that have fields that are deprecated in C.
  private var deprecated: Set<String> = []
  /// Messages that a message holds in place, without a list or map between.
  private var inside: [String: Set<String>] = [:]

  init(_ files: [ProtoFile]) {
    for file in files {
      for enumeration in file.enums {
        outermost[enumeration.fullName] = enumeration.fullName
        swiftNames[enumeration.fullName] = SwiftNames.type(enumeration.name)
      }
      for message in file.messages {
        swiftNames[message.fullName] = SwiftNames.type(message.name)
        place(message, in: message.fullName)
      }
    }
    for file in files {
      for message in file.messages { add(message, name: SwiftNames.type(message.name)) }
    }
  }

  private mutating func place(_ message: ProtoMessage, in outer: String) {
    outermost[message.fullName] = outer
    for enumeration in message.enums { outermost[enumeration.fullName] = outer }
    for nested in message.messages { place(nested, in: outer) }
  }

  private mutating func add(_ message: ProtoMessage, name: String) {
    swiftNames[message.fullName] = name
    if message.isMapEntry { mapEntries[message.fullName] = message }
    if message.fields.contains(where: \.isDeprecated) { deprecated.insert(message.fullName) }
    for field in message.fields where !field.isRepeated {
      if case .message(let other) = field.type { inside[message.fullName, default: []].insert(other) }
    }
    addTypes(in: message, name: name)
  }

  /// Inside a message, a nested type would hide the outermost one of its name; where the message uses that one, the
  /// nested type ends with an underscore. The type of a oneof, which the proto file does not name as a type, gives way
  /// to any other.
  private mutating func addTypes(in message: ProtoMessage, name: String) {
    func inner(_ proto: String, besides taken: Set<String>) -> String {
      let own = SwiftNames.type(proto)
      return taken.contains(own) ? "\(own)_" : own
    }
    let used = Set(outermostNames(usedIn: message))
    var taken = used.union(SwiftNames.taken)
    for enumeration in message.enums {
      let own = inner(enumeration.name, besides: used)
      taken.insert(own)
      swiftNames[enumeration.fullName] = "\(name).\(own)"
    }
    for nested in message.messages {
      let own = inner(nested.name, besides: used)
      if !nested.isMapEntry { taken.insert(own) }
      add(nested, name: "\(name).\(own)")
    }
    for oneof in message.oneofs { swiftNames[oneof.fullName] = "\(name).\(inner(oneof.name, besides: taken))" }
  }

  /// Swift names of the outermost types that the code of a message and of those nested in it names.
  private func outermostNames(usedIn message: ProtoMessage) -> [String] {
    let types = [message.fullName] + message.fields.compactMap(\.type.fullName)
    return types.compactMap { outermost[$0].flatMap { swiftNames[$0] } }
      + message.messages.flatMap { outermostNames(usedIn: $0) }
  }

  /// Name in Swift, with outer messages.
  func swiftName(_ fullName: String) -> String { swiftNames[fullName] ?? fullName }

  /// Name in Swift of a message, enum or oneof where it is declared.
  func ownName(_ fullName: String) -> String {
    let name = swiftName(fullName)
    return name.split(separator: ".").last.map(String.init) ?? name
  }

  /// Full name of the message or enum of a file that a type is or lies in.
  func outermost(of fullName: String) -> String { outermost[fullName] ?? fullName }

  /// Whether protoc-gen-c marks members of a message as deprecated, so that code that names them gives a warning
  /// wherever it is not deprecated itself.
  func hasDeprecatedMembers(_ fullName: String) -> Bool { deprecated.contains(fullName) }

  /// Key and value of a map field's entry; nil for any other message.
  func mapEntry(_ type: ProtoType) -> (key: ProtoField, value: ProtoField, fullName: String)? {
    guard case .message(let name) = type, let entry = mapEntries[name],
      let key = entry.fields.first(where: { $0.number == 1 }), let value = entry.fields.first(where: { $0.number == 2 })
    else { return nil }
    return (key, value, name)
  }

  /// Whether a value of `message` would hold another of the same kind in place, which a Swift struct cannot.
  func isRecursive(_ message: String, through type: ProtoType) -> Bool {
    guard case .message(let first) = type else { return false }
    var open = [first]
    var seen: Set<String> = []
    while let next = open.popLast() {
      if next == message { return true }
      if seen.insert(next).inserted { open += inside[next] ?? [] }
    }
    return false
  }

  /// Swift type of one value.
  func swiftType(_ type: ProtoType) -> String {
    switch type {
    case .double: "Double"
    case .float: "Float"
    case .int32: "Int32"
    case .int64: "Int64"
    case .uint32: "UInt32"
    case .uint64: "UInt64"
    case .bool: "Bool"
    case .string: "String"
    case .bytes, .group: "[UInt8]"
    case .message(let name), .enumeration(let name): swiftName(name)
    }
  }

  /// Swift expression for a value that stands in C as `c`; for a message, `c` is a pointer that is not nil.
  func fromC(_ c: String, _ type: ProtoType) -> String {
    switch type {
    case .bool: "\(c) != 0"
    case .string: "String(decoded: \(c))"
    case .bytes, .group: "[UInt8](decoded: \(c))"
    case .message(let name): "\(swiftName(name))\(hasDeprecatedMembers(name) ? ".copy(of" : "(copying"): \(c))"
    case .enumeration(let name): "\(swiftName(name))(rawValue: Int32(truncatingIfNeeded: \(c).rawValue))"
    default: c
    }
  }

  /// C expression for a Swift value.
  func toC(_ swift: String, _ type: ProtoType) -> String {
    switch type {
    case .bool: "\(swift) ? 1 : 0"
    case .string: "arena.text(\(swift))"
    case .bytes, .group: "arena.bytes(\(swift))"
    case .message: "arena.message(\(swift))"
    case .enumeration(let name): "\(CNames.type(name))(rawValue: .init(truncatingIfNeeded: \(swift).rawValue))"
    default: swift
    }
  }

  /// C type of a list's element.
  func isPointerInC(_ type: ProtoType) -> Bool {
    switch type {
    case .string, .message: true
    default: false
    }
  }
}
