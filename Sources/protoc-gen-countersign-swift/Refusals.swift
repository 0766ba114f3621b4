/// Finds what the generator does not cover, before anything is generated.
enum Refusals {
  /// Each with file, line and reason, in the order of the file.
  static func find(in file: ProtoFile) -> [Refusal] {
    guard file.syntax == "proto3" else {
      return [Refusal(file, [12], "syntax \"\(file.syntax)\" is not supported; write syntax = \"proto3\"")]
    }
    var found: [Refusal] = []
    if file.hasExtensions { found.append(Refusal(file, [7], "extensions are not supported")) }
    for message in file.messages { found += find(in: message, file) }
    for enumeration in file.enums { found += taken(enumeration.name, enumeration.path, file) }
    for service in file.services {
      for method in service.methods where method.isStreaming {
        found.append(
          Refusal(
            file, method.path,
            "method \(service.name).\(method.name) streams; only methods with one request and one reply are supported"))
      }
    }
    return found
  }

  private static func find(in message: ProtoMessage, _ file: ProtoFile) -> [Refusal] {
    guard !message.isMapEntry else { return [] }
    var found = taken(message.name, message.path, file)
    if message.hasExtensions { found.append(Refusal(file, message.path, "extensions are not supported")) }
    for field in message.fields {
      let name = "\(message.name).\(field.name)"
      if field.isProto3Optional {
        found.append(
          Refusal(
            file, field.path,
            "field \(name) is optional, which protoc-gen-c 1.4 refuses; use a message or a oneof of one field"))
      }
      if field.type == .group { found.append(Refusal(file, field.path, "field \(name) is a group")) }
      if CNames.field(field.name) == "base" {
        found.append(Refusal(file, field.path, "field \(name) has the name of a member that protoc-gen-c adds"))
      }
    }
    found += clashes(in: message, file)
    for enumeration in message.enums { found += taken(enumeration.name, enumeration.path, file) }
    return found + message.messages.flatMap { find(in: $0, file) }
  }

  /// Names of one message that differ in the proto file and are the same in Swift.
  private static func clashes(in message: ProtoMessage, _ file: ProtoFile) -> [Refusal] {
    let oneofs = message.oneofs.indices.filter { index in
      message.fields.contains { $0.oneof == index && !$0.isProto3Optional }
    }.map { message.oneofs[$0] }
    let properties =
      message.fields.map { ($0.name, SwiftNames.property($0.name), $0.path) }
      + oneofs.map { ($0.name, SwiftNames.property($0.name), $0.path) }
    let types =
      message.messages.filter { !$0.isMapEntry }.map { ($0.name, SwiftNames.type($0.name), $0.path) }
      + message.enums.map { ($0.name, SwiftNames.type($0.name), $0.path) }
      + oneofs.map { ($0.name, SwiftNames.type($0.name), $0.path) }
    return clashes(properties, message, file) + clashes(types, message, file)
  }

  private static func clashes(
    _ names: [(proto: String, swift: String, path: ElementPath)], _ message: ProtoMessage, _ file: ProtoFile
  ) -> [Refusal] {
    var first: [String: String] = [:]
    return names.compactMap { name in
      guard let other = first.updateValue(name.proto, forKey: name.swift) else { return nil }
      return Refusal(
        file, name.path, "\(name.proto) and \(other) of message \(message.name) are both \(name.swift) in Swift")
    }
  }

  private static func taken(_ name: String, _ path: ElementPath, _ file: ProtoFile) -> [Refusal] {
    guard SwiftNames.taken.contains(SwiftNames.type(name)) else { return [] }
    return [Refusal(file, path, "the generated code needs Swift's own \(name); choose another name")]
  }
}
