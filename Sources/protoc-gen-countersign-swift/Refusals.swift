/// Finds what the generator does not cover, before anything is generated.
enum Refusals {
  /// Fields that a message may have so that all of them, each set once, are decoded (`DecodingRules.fields`).
  private static let fieldLimit = 256

  /// Each with file, line and reason, in the order of the file.
  static func find(in file: ProtoFile) -> [Refusal] {
    guard file.syntax == "proto3" else {
      return [Refusal(file, [12], "syntax \"\(file.syntax)\" is not supported; write syntax = \"proto3\"")]
    }
    var found: [Refusal] = []
    if file.hasExtensions { found.append(Refusal(file, [7], "extensions are not supported")) }
    if file.hasCOptions { found.append(Refusal(file, [8], "options of protobuf-c.proto are not supported")) }
    if file.isForCodeSize {
      found.append(
        Refusal(file, [8, 9], "optimize_for = CODE_SIZE leaves out the names of fields, which a refused message needs"))
    }
    found += package(of: file)
    for message in file.messages { found += find(in: message, file) }
    for enumeration in file.enums { found += find(in: enumeration, file) }
    for service in file.services { found += find(in: service, file) }
    return found
  }

  private static func package(of file: ProtoFile) -> [Refusal] {
    guard !file.package.isEmpty else {
      guard !file.messages.isEmpty || !file.enums.isEmpty else { return [] }
      return [Refusal(file, [2], "there is no package, so that types of C and of Swift have the same names")]
    }
    guard let part = file.package.split(separator: ".").first(where: { !SwiftNames.isTypeName(String($0)) }) else {
      return []
    }
    return [Refusal(file, [2], "\(part) of package \(file.package) has no letter that a name in C could begin with")]
  }

  private static func find(in message: ProtoMessage, _ file: ProtoFile) -> [Refusal] {
    guard !message.isMapEntry else { return [] }
    var found = type(message.name, message.path, file)
    if message.hasExtensions { found.append(Refusal(file, message.path, "extensions are not supported")) }
    if message.hasCOptions {
      found.append(Refusal(file, message.path, "options of protobuf-c.proto are not supported"))
    }
    let atOnce = message.fields.filter { !$0.isRepeated && $0.oneof == nil }.count + message.oneofs.count
    if atOnce > fieldLimit {
      found.append(
        Refusal(
          file, message.path,
          "\(atOnce) fields of message \(message.name) can be set at once; \(fieldLimit) are decoded"))
    }
    for field in message.fields { found += find(in: field, of: message, file) }
    for oneof in message.oneofs {
      found += member(oneof.name, "oneof \(message.name).\(oneof.name)", oneof.path, file)
    }
    for enumeration in message.enums { found += find(in: enumeration, file) }
    return found + message.messages.flatMap { find(in: $0, file) }
  }

  private static func find(in field: ProtoField, of message: ProtoMessage, _ file: ProtoFile) -> [Refusal] {
    let name = "field \(message.name).\(field.name)"
    var found = member(field.name, name, field.path, file)
    if field.isProto3Optional {
      found.append(
        Refusal(
          file, field.path, "\(name) is optional, which protoc-gen-c 1.4 refuses; use a message or a oneof of one field"
        ))
    }
    if field.type == .group { found.append(Refusal(file, field.path, "\(name) is a group")) }
    if field.hasCOptions {
      found.append(Refusal(file, field.path, "\(name) has options of protobuf-c.proto, which are not supported"))
    }
    return found + wordOfC(CNames.field(field.name), name, field.path, file)
  }

  private static func find(in enumeration: ProtoEnum, _ file: ProtoFile) -> [Refusal] {
    let nameless = enumeration.values.filter { !SwiftNames.isName(SwiftNames.value($0.name, of: enumeration.name)) }
    return type(enumeration.name, enumeration.path, file)
      + nameless.map {
        Refusal(file, $0.path, "value \($0.name) of enum \(enumeration.name) leaves no name for Swift")
      }
  }

  private static func find(in service: ProtoService, _ file: ProtoFile) -> [Refusal] {
    var found: [Refusal] = []
    if !SwiftNames.isTypeName(service.name) {
      found.append(Refusal(file, service.path, "\(service.name) has no letter that a name in Swift could begin with"))
    }
    for method in service.methods {
      let name = "method \(service.name).\(method.name)"
      if method.isStreaming {
        found.append(
          Refusal(
            file, method.path, "\(name) streams; only methods with one request and one reply are supported"))
      }
      if !SwiftNames.isName(method.name) {
        found.append(Refusal(file, method.path, "\(name) leaves no name for Swift"))
      }
      found += wordOfC(CNames.method(method.name), name, method.path, file)
    }
    return found
  }

  private static func wordOfC(_ member: String, _ what: String, _ path: ElementPath, _ file: ProtoFile) -> [Refusal] {
    guard CNames.isBroken(member) else { return [] }
    return [Refusal(file, path, "\(what) is named like a word of C, which protoc-gen-c does not escape")]
  }

  /// A name that becomes a property.
  private static func member(_ name: String, _ what: String, _ path: ElementPath, _ file: ProtoFile) -> [Refusal] {
    if !SwiftNames.isName(name) { return [Refusal(file, path, "\(what) leaves no name for Swift")] }
    guard SwiftNames.takenMembers.contains(SwiftNames.property(name)) else { return [] }
    return [Refusal(file, path, "\(what) has the name of a function that generated code uses; choose another name")]
  }

  /// A name that becomes a type.
  private static func type(_ name: String, _ path: ElementPath, _ file: ProtoFile) -> [Refusal] {
    guard SwiftNames.isTypeName(name) else {
      return [Refusal(file, path, "\(name) has no letter that a name in Swift could begin with")]
    }
    guard SwiftNames.taken.contains(SwiftNames.type(name)) else { return [] }
    return [Refusal(file, path, "\(name) is the name of a type that generated code uses; choose another name")]
  }
}
