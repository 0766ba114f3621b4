/// Finds names that differ in the proto files and are the same in what is generated of them, here or by protoc-gen-c.
struct Clashes {
  private let types: TypeTable
  private var found: [Refusal] = []
  /// Elements that were refused, by file and path: one reason each is enough.
  private var refused: Set<String> = []

  private init(_ types: TypeTable) { self.types = types }

  /// Each with file, line and reason.
  static func find(in files: [ProtoFile], _ types: TypeTable, hasServices: Bool) -> [Refusal] {
    var clashes = Clashes(types)
    for file in files {
      for message in file.messages { clashes.check(message, file) }
      for enumeration in file.enums { clashes.check(enumeration, file) }
      for service in file.services { clashes.check(service, file) }
    }
    clashes.checkFileNames(files)
    clashes.checkOutermostTypes(files, hasServices: hasServices)
    clashes.check(files.flatMap { $0.namesInC() }, "", "C")
    return clashes.found
  }

  /// - Parameter scope: for example " of message A".
  private mutating func check(_ names: [GeneratedName], _ scope: String, _ language: String) {
    var first: [String: GeneratedName] = [:]
    for name in names {
      guard let other = first[name.generated] else {
        first[name.generated] = name
        continue
      }
      refuse(
        name.file, name.path,
        "\(name.proto) and \(other.proto)\(scope) are both \(SwiftNames.unquoted(name.generated)) in \(language)")
    }
  }

  private mutating func refuse(_ file: ProtoFile, _ path: ElementPath, _ reason: String) {
    guard refused.insert("\(file.name) \(path)").inserted else { return }
    found.append(Refusal(file, path, reason))
  }

  // MARK: - One element

  private mutating func check(_ message: ProtoMessage, _ file: ProtoFile) {
    guard !message.isMapEntry else { return }
    let scope = " of message \(message.name)"
    let nested = message.messages.filter { !$0.isMapEntry }
    let properties =
      message.fields.map { GeneratedName($0.name, SwiftNames.property($0.name), file, $0.path) }
      + message.oneofs.map { GeneratedName($0.name, SwiftNames.property($0.name), file, $0.path) }
    let declared =
      nested.map { GeneratedName($0.name, types.ownName($0.fullName), file, $0.path) }
      + message.enums.map { GeneratedName($0.name, types.ownName($0.fullName), file, $0.path) }
      + message.oneofs.map { GeneratedName($0.name, types.ownName($0.fullName), file, $0.path) }
    check(properties, scope, "Swift")
    check(declared, scope, "Swift")
    check(membersInC(of: message, file), scope, "C")
    for inner in nested { check(inner, file) }
    for enumeration in message.enums { check(enumeration, file) }
  }

  private func membersInC(of message: ProtoMessage, _ file: ProtoFile) -> [GeneratedName] {
    [GeneratedName("protoc-gen-c's own member", "base", file, message.path)]
      + message.fields.map { GeneratedName($0.name, CNames.field($0.name), file, $0.path) }
      + message.fields.filter(\.isRepeated)
      .map { GeneratedName("the count of \($0.name)", CNames.count($0.name), file, $0.path) }
      + message.oneofs.map { GeneratedName("the case of \($0.name)", CNames.oneofCase($0.name), file, $0.path) }
  }

  /// Values with the same number may have the same name: they are aliases.
  private mutating func check(_ enumeration: ProtoEnum, _ file: ProtoFile) {
    var numbers: Set<String> = []
    let names = enumeration.values.compactMap { value -> GeneratedName? in
      let name = SwiftNames.value(value.name, of: enumeration.name)
      guard numbers.insert("\(name) \(value.number)").inserted else { return nil }
      return GeneratedName(value.name, name, file, value.path)
    }
    check(names, " of enum \(enumeration.name)", "Swift")
  }

  private mutating func check(_ service: ProtoService, _ file: ProtoFile) {
    let scope = " of service \(service.name)"
    check(
      service.methods.map { GeneratedName($0.name, SwiftNames.method($0.name), file, $0.path) }, scope, "Swift")
    check(
      [GeneratedName("protoc-gen-c's own member", "base", file, service.path)]
        + service.methods.map { GeneratedName($0.name, CNames.method($0.name), file, $0.path) }, scope, "C")
  }

  // MARK: - All files of a run

  /// Swift takes no two files of the same name in one module, in whatever folders they lie.
  private mutating func checkFileNames(_ files: [ProtoFile]) {
    var first: [Substring: String] = [:]
    for file in files {
      let name = file.name[(file.name.lastIndex(of: "/").map(file.name.index(after:)) ?? file.name.startIndex)...]
      guard let other = first[name] else {
        first[name] = file.name
        continue
      }
      refuse(file, [], "\(other) has the same file name, which Swift does not take twice in one module")
    }
  }

  /// Types of the module and types that it uses of other files.
  private mutating func checkOutermostTypes(_ files: [ProtoFile], hasServices: Bool) {
    var names: [GeneratedName] = []
    for file in files {
      names += file.messages.map { GeneratedName($0.fullName, types.swiftName($0.fullName), file, $0.path) }
      names += file.enums.map { GeneratedName($0.fullName, types.swiftName($0.fullName), file, $0.path) }
      for service in hasServices ? file.services : [] {
        names += ServiceGenerator.typeNames(of: service)
          .map { GeneratedName("what is made of \(service.fullName)", $0, file, service.path) }
      }
    }
    var known = Set(names.map(\.proto))
    for file in files {
      for use in file.usedTypes() {
        let parts = types.swiftName(use.name).split(separator: ".").map(String.init)
        if let part = parts.first(where: SwiftNames.taken.contains) {
          refuse(file, use.path, "\(use.name) cannot be used: \(part) is the name of a type that generated code uses")
        }
        let outermost = types.outermost(of: use.name)
        guard known.insert(outermost).inserted else { continue }
        names.append(GeneratedName(outermost, types.swiftName(outermost), file, use.path))
      }
    }
    check(names, "", "Swift")
  }
}

/// A name of a proto file, and what it becomes in generated code.
struct GeneratedName {
  let proto: String
  let generated: String
  let file: ProtoFile
  let path: ElementPath

  init(_ proto: String, _ generated: String, _ file: ProtoFile, _ path: ElementPath) {
    self.proto = proto
    self.generated = generated
    self.file = file
    self.path = path
  }
}

extension ProtoFile {
  /// Messages and enums that fields and methods name, with the place.
  fileprivate func usedTypes() -> [(name: String, path: ElementPath)] {
    func used(in message: ProtoMessage) -> [(name: String, path: ElementPath)] {
      message.fields.compactMap { field in field.type.fullName.map { ($0, field.path) } }
        + message.messages.flatMap(used)
    }
    return messages.flatMap(used)
      + services.flatMap(\.methods).flatMap { [($0.input, $0.path), ($0.output, $0.path)] }
  }

  /// What protoc-gen-c declares for the whole program.
  fileprivate func namesInC() -> [GeneratedName] {
    messages.flatMap { namesInC(of: $0) } + enums.flatMap { namesInC(of: $0) }
      + services.flatMap { namesInC(of: $0) }
  }

  private func namesInC(of message: ProtoMessage) -> [GeneratedName] {
    let constant = CNames.constant(message.fullName)
    return namesInC(message.fullName, ["init"], message.path)
      + [GeneratedName(message.fullName, "\(constant)__INIT", self, message.path)]
      + message.oneofs.enumerated().flatMap { index, oneof in
        let prefix = "\(constant)__\(CNames.constant(oneof.name))"
        return [
          GeneratedName(oneof.fullName, "\(CNames.type(oneof.fullName))Case", self, oneof.path),
          GeneratedName(oneof.fullName, "\(prefix)__NOT_SET", self, oneof.path),
        ]
          + message.fields.filter { $0.oneof == index }
          .map { GeneratedName("\(oneof.fullName).\($0.name)", "\(prefix)_\(CNames.constant($0.name))", self, $0.path) }
      }
      + message.messages.flatMap { namesInC(of: $0) } + message.enums.flatMap { namesInC(of: $0) }
  }

  private func namesInC(of enumeration: ProtoEnum) -> [GeneratedName] {
    namesInC(enumeration.fullName, [], enumeration.path)
      + enumeration.values.map {
        GeneratedName(
          "\(enumeration.fullName).\($0.name)", "\(CNames.constant(enumeration.fullName))__\($0.name)", self, $0.path)
      }
  }

  private func namesInC(of service: ProtoService) -> [GeneratedName] {
    namesInC(service.fullName, ["init", "method_descriptors", "method_indices_by_name"], service.path)
      + service.methods.map {
        GeneratedName(
          "\(service.fullName).\($0.name)", "\(CNames.function(service.fullName))__\(CNames.method($0.name))", self,
          $0.path)
      }
  }

  /// The type of an element, its descriptor, and what else begins with the same prefix.
  private func namesInC(_ fullName: String, _ suffixes: [String], _ path: ElementPath) -> [GeneratedName] {
    [GeneratedName(fullName, CNames.type(fullName), self, path)]
      + (["descriptor"] + suffixes)
      .map { GeneratedName(fullName, "\(CNames.function(fullName))__\($0)", self, path) }
  }
}
