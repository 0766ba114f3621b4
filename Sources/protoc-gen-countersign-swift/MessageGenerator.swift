/// Writes one message: the struct with its documentation, and what connects it to its C struct.
struct MessageGenerator {
  let message: ProtoMessage
  let types: TypeTable
  let locations: Locations
  /// "public " or nothing.
  let access: String

  private var c: String { CNames.type(message.fullName) }
  private var swift: String { types.swiftName(message.fullName) }
  private var ordinary: [ProtoField] { message.fields.filter { $0.oneof == nil } }

  /// The struct, with nested types.
  func writeStruct(to writer: inout SwiftWriter) {
    writer.documentation(locations.comment(message.path))
    writer.block("\(access)struct \(types.ownName(message.fullName)): Message") { writer in
      for field in ordinary { writeProperty(field, to: &writer) }
      for (index, oneof) in message.oneofs.enumerated() { writeOneof(oneof, index, to: &writer) }
      for enumeration in message.enums {
        writer.line()
        enumGenerator(enumeration).write(to: &writer)
      }
      for nested in message.messages where !nested.isMapEntry {
        writer.line()
        inner(nested).writeStruct(to: &writer)
      }
      if !message.fields.isEmpty { writer.line() }
      writer.documentation(" Every field empty or zero.")
      writer.line("\(access)init() {}")
    }
  }

  /// The conformance, for this and nested messages.
  func writeConformance(to writer: inout SwiftWriter) {
    writer.line()
    writer.block("extension \(swift)") { writer in
      writer.line(
        "\(access)static let descriptor = messageDescriptor(\(swift).initialize)")
      writer.line()
      writer.block("\(access)static func initialize(_ c: UnsafeMutablePointer<\(c)>)") {
        $0.line("\(CNames.function(message.fullName))__init(c)")
      }
      writer.line()
      writeDeprecation(to: &writer)
      writer.block("\(access)init(copying c: UnsafePointer<\(c)>)") { writer in
        for field in ordinary { writeCopy(of: field, to: &writer) }
        for (index, oneof) in message.oneofs.enumerated() { writeCopy(of: oneof, index, to: &writer) }
      }
      writer.line()
      writeDeprecation(to: &writer)
      writer.block("\(access)func write(to c: inout \(c), in arena: Arena)") { writer in
        for field in ordinary { writeWrite(of: field, to: &writer) }
        for (index, oneof) in message.oneofs.enumerated() { writeWrite(of: oneof, index, to: &writer) }
      }
    }
    for nested in message.messages where !nested.isMapEntry { inner(nested).writeConformance(to: &writer) }
  }

  /// Code that is deprecated itself may name deprecated members of C without a warning; what is called through the
  /// protocol gives none.
  private func writeDeprecation(to writer: inout SwiftWriter) {
    guard types.hasDeprecatedMembers(message.fullName) else { return }
    writer.line("@available(*, deprecated, message: \"Names deprecated fields.\")")
  }

  private func enumGenerator(_ enumeration: ProtoEnum) -> EnumGenerator {
    EnumGenerator(
      enumeration: enumeration, name: types.ownName(enumeration.fullName), locations: locations, access: access)
  }

  private func inner(_ nested: ProtoMessage) -> MessageGenerator {
    MessageGenerator(message: nested, types: types, locations: locations, access: access)
  }

  // MARK: - Properties

  private func writeProperty(_ field: ProtoField, to writer: inout SwiftWriter) {
    let name = SwiftNames.property(field.name)
    if isBoxed(field) {
      writer.line("private var \(storage(field)): [\(types.swiftType(field.type))] = []")
      writer.documentation(locations.comment(field.path))
      writer.block("\(access)var \(name): \(types.swiftType(field.type))?") { writer in
        writer.line("get { \(storage(field)).first }")
        writer.line("set { \(storage(field)) = newValue.map { [$0] } ?? [] }")
      }
      return
    }
    writer.documentation(locations.comment(field.path))
    writer.line("\(access)var \(name)\(declaration(field))")
  }

  private func declaration(_ field: ProtoField) -> String {
    if let map = types.mapEntry(field.type) {
      return ": [\(types.swiftType(map.key.type)): \(types.swiftType(map.value.type))] = [:]"
    }
    let type = types.swiftType(field.type)
    if field.isRepeated { return ": [\(type)] = []" }
    switch field.type {
    case .message: return ": \(type)?"
    case .string: return ": String = \"\""
    case .bytes, .group: return ": [UInt8] = []"
    case .bool: return ": Bool = false"
    case .enumeration: return ": \(type) = \(type)(rawValue: 0)"
    default: return ": \(type) = 0"
    }
  }

  private func isBoxed(_ field: ProtoField) -> Bool {
    !field.isRepeated && types.isRecursive(message.fullName, through: field.type)
  }

  private func storage(_ field: ProtoField) -> String { "_\(SwiftNames.unquoted(SwiftNames.property(field.name)))" }

  private func members(_ index: Int) -> [ProtoField] { message.fields.filter { $0.oneof == index } }

  private func writeOneof(_ oneof: ProtoOneof, _ index: Int, to writer: inout SwiftWriter) {
    let members = members(index)
    let isRecursive = members.contains { types.isRecursive(message.fullName, through: $0.type) }
    let type = types.ownName(oneof.fullName)
    writer.line()
    writer.documentation(locations.comment(oneof.path) ?? " One of the fields of `\(oneof.name)`.")
    writer.block("\(access)\(isRecursive ? "indirect " : "")enum \(type): Sendable, Equatable") {
      for field in members {
        $0.documentation(locations.comment(field.path))
        $0.line("case \(SwiftNames.property(field.name))(\(types.swiftType(field.type)))")
      }
    }
    writer.documentation(locations.comment(oneof.path) ?? " Which field of `\(oneof.name)` is set, or nil.")
    writer.line("\(access)var \(SwiftNames.property(oneof.name)): \(type)?")
  }

  /// The member of the C struct, as Swift takes it.
  private func cMember(_ field: ProtoField) -> String { SwiftNames.quoted(CNames.field(field.name)) }

  /// A property inside the generated functions, where a parameter or variable may have its name.
  private func own(_ name: String) -> String {
    let property = SwiftNames.property(name)
    return ["arena", "c", "entry", "index"].contains(property) ? "self.\(property)" : property
  }

  // MARK: - From C

  private func writeCopy(of field: ProtoField, to writer: inout SwiftWriter) {
    let name = own(field.name)
    let member = "c.pointee.\(cMember(field))"
    let count = "c.pointee.\(CNames.count(field.name))"
    if let map = types.mapEntry(field.type) {
      writer.block("for index in 0..<\(count)") { writer in
        writer.line("guard let entry = \(member)[index] else { continue }")
        var value = types.fromC("entry.pointee.value", map.value.type)
        if case .message(let message) = map.value.type {
          let type = types.swiftName(message)
          value = "entry.pointee.value.map { \(types.fromC("$0", map.value.type)) } ?? \(type)()"
        }
        writer.line("\(name)[\(types.fromC("entry.pointee.key", map.key.type))] = \(value)")
      }
    } else if field.isRepeated, case .message = field.type {
      let element = types.fromC("$0", field.type)
      writer.line("\(name) = (0..<\(count)).compactMap { \(member)[$0].map { \(element) } }")
    } else if field.isRepeated {
      writer.line("\(name) = (0..<\(count)).map { \(types.fromC("\(member)[$0]", field.type)) }")
    } else if case .message = field.type {
      writer.line("\(name) = \(member).map { \(types.fromC("$0", field.type)) }")
    } else {
      writer.line("\(name) = \(types.fromC(member, field.type))")
    }
  }

  private func writeCopy(of oneof: ProtoOneof, _ index: Int, to writer: inout SwiftWriter) {
    let name = own(oneof.name)
    writer.block("switch c.pointee.\(CNames.oneofCase(oneof.name)).rawValue") { writer in
      for field in members(index) {
        let member = "c.pointee.\(cMember(field))"
        let value = "\(SwiftNames.property(field.name))"
        if case .message = field.type {
          writer.line("case \(field.number): \(name) = \(member).map { .\(value)(\(types.fromC("$0", field.type))) }")
        } else {
          writer.line("case \(field.number): \(name) = .\(value)(\(types.fromC(member, field.type)))")
        }
      }
      writer.line("default: \(name) = nil")
    }
  }

  // MARK: - To C

  private func writeWrite(of field: ProtoField, to writer: inout SwiftWriter) {
    let name = own(field.name)
    let member = "c.\(cMember(field))"
    let count = "c.\(CNames.count(field.name))"
    if let map = types.mapEntry(field.type) {
      writeMap(map, name, member, count, to: &writer)
    } else if field.isRepeated {
      let value = types.toC("$0", field.type)
      writer.line("\(count) = \(name).count")
      writer.line(
        "\(member) = arena.list(\(name)) { \(types.isPointerInC(field.type) ? "Optional(\(value))" : value) }")
    } else if case .message = field.type {
      writer.line("\(member) = \(name).map { \(types.toC("$0", field.type)) }")
    } else {
      writer.line("\(member) = \(types.toC(name, field.type))")
    }
  }

  private func writeMap(
    _ map: (key: ProtoField, value: ProtoField, fullName: String), _ name: String, _ member: String, _ count: String,
    to writer: inout SwiftWriter
  ) {
    let order = map.key.type == .bool ? "!$0.key && $1.key" : "$0.key < $1.key"
    writer.line("\(count) = \(name).count")
    writer.block("\(member) = arena.list(\(name).sorted { \(order) })") { writer in
      writer.line("let entry = arena.make(\(CNames.type(map.fullName)).self)")
      writer.line("\(CNames.function(map.fullName))__init(entry)")
      writer.line("entry.pointee.key = \(types.toC("$0.key", map.key.type))")
      writer.line("entry.pointee.value = \(types.toC("$0.value", map.value.type))")
      writer.line("return Optional(entry)")
    }
  }

  private func writeWrite(of oneof: ProtoOneof, _ index: Int, to writer: inout SwiftWriter) {
    writer.block("switch \(own(oneof.name))") { writer in
      for field in members(index) {
        writer.line("case .\(SwiftNames.property(field.name))(let value)?:")
        writer.line("  c.\(CNames.oneofCase(oneof.name)) = .init(rawValue: \(field.number))")
        writer.line("  c.\(cMember(field)) = \(types.toC("value", field.type))")
      }
      writer.line("case nil: break")
    }
  }
}

/// Writes one enum. Values that this version does not know are kept.
struct EnumGenerator {
  let enumeration: ProtoEnum
  let name: String
  let locations: Locations
  let access: String

  func write(to writer: inout SwiftWriter) {
    writer.documentation(locations.comment(enumeration.path))
    writer.block("\(access)struct \(name): RawRepresentable, Hashable, Sendable") { writer in
      writer.documentation(" Number on the wire; may be one that this version does not know.")
      writer.line("\(access)var rawValue: Int32")
      writer.line()
      if !access.isEmpty {
        writer.documentation(" A value by its number.")
        writer.line("\(access)init(rawValue: Int32) { self.rawValue = rawValue }")
        writer.line()
      }
      var written: Set<String> = []
      for value in enumeration.values {
        let property = SwiftNames.value(value.name, of: enumeration.name)
        // An alias may have the name that its number already has.
        guard written.insert(property).inserted else { continue }
        writer.documentation(locations.comment(value.path))
        writer.line("\(access)static let \(property) = \(name)(rawValue: \(value.number))")
      }
    }
  }
}
