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
    var found: [Refusal] = []
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
    }
    return found + message.messages.flatMap { find(in: $0, file) }
  }
}
