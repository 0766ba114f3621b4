/// All messages and enums of a request, by full name.
struct TypeTable {
  private var swiftNames: [String: String] = [:]
  private var mapEntries: [String: ProtoMessage] = [:]
  /// Messages that a message holds in place, without a list or map between.
  private var inside: [String: Set<String>] = [:]

  init(_ files: [ProtoFile]) {
    for file in files {
      for message in file.messages { add(message, outer: "") }
      for enumeration in file.enums { swiftNames[enumeration.fullName] = SwiftNames.type(enumeration.name) }
    }
  }

  private mutating func add(_ message: ProtoMessage, outer: String) {
    let name = outer + SwiftNames.type(message.name)
    swiftNames[message.fullName] = name
    if message.isMapEntry { mapEntries[message.fullName] = message }
    for enumeration in message.enums {
      swiftNames[enumeration.fullName] = "\(name).\(SwiftNames.type(enumeration.name))"
    }
    for field in message.fields where !field.isRepeated {
      if case .message(let other) = field.type { inside[message.fullName, default: []].insert(other) }
    }
    for nested in message.messages { add(nested, outer: "\(name).") }
  }

  /// Name in Swift, with outer messages.
  func swiftName(_ fullName: String) -> String { swiftNames[fullName] ?? fullName }

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
    case .message(let name): "\(swiftName(name))(copying: \(c))"
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
