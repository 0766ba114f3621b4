import CProtocPlugin

/// What the generator needs of a `FileDescriptorProto`, copied out of libprotobuf-c's structs.
struct ProtoFile {
  let name: String
  let package: String
  let syntax: String
  let messages: [ProtoMessage]
  let enums: [ProtoEnum]
  let services: [ProtoService]
  let hasExtensions: Bool
  let hasCOptions: Bool
  /// Whether `optimize_for` is `CODE_SIZE`.
  let isForCodeSize: Bool
  let locations: Locations
}

/// Where an element stands: the path of `SourceCodeInfo.Location` (descriptor.proto).
typealias ElementPath = [Int32]

struct ProtoMessage {
  let name: String
  /// With package and outer messages, without leading dot.
  let fullName: String
  let path: ElementPath
  let fields: [ProtoField]
  let oneofs: [ProtoOneof]
  let messages: [ProtoMessage]
  let enums: [ProtoEnum]
  let isMapEntry: Bool
  let hasExtensions: Bool
  let hasCOptions: Bool
}

struct ProtoOneof {
  let name: String
  let fullName: String
  let path: ElementPath
}

struct ProtoField {
  let name: String
  let number: Int32
  let type: ProtoType
  let isRepeated: Bool
  let oneof: Int?
  let isProto3Optional: Bool
  let isDeprecated: Bool
  let hasCOptions: Bool
  let path: ElementPath
}

/// Types of fields; messages and enums by full name without leading dot.
enum ProtoType: Equatable {
  case double, float, int32, int64, uint32, uint64, bool, string, bytes, group
  case message(String)
  case enumeration(String)

  /// Name of the message or enum; nil for a scalar.
  var fullName: String? {
    switch self {
    case .message(let name), .enumeration(let name): name
    default: nil
    }
  }
}

struct ProtoEnum {
  let name: String
  let fullName: String
  let path: ElementPath
  let values: [(name: String, number: Int32, path: ElementPath)]
}

struct ProtoService {
  let name: String
  let fullName: String
  let path: ElementPath
  let methods: [ProtoMethod]
}

struct ProtoMethod {
  let name: String
  let input: String
  let output: String
  let isStreaming: Bool
  let path: ElementPath
}

/// Lines and comments of one file.
struct Locations {
  private var lines: [ElementPath: Int] = [:]
  private var comments: [ElementPath: String] = [:]

  init(_ info: UnsafeMutablePointer<Google__Protobuf__SourceCodeInfo>?) {
    guard let info else { return }
    for location in list(info.pointee.location, info.pointee.n_location) {
      let path = numbers(location.pointee.path, location.pointee.n_path)
      let span = numbers(location.pointee.span, location.pointee.n_span)
      lines[path] = Int(span.first ?? 0) + 1
      comments[path] = text(location.pointee.leading_comments) ?? text(location.pointee.trailing_comments)
    }
  }

  func line(_ path: ElementPath) -> Int { lines[path] ?? 1 }
  func comment(_ path: ElementPath) -> String? { comments[path] }
}

// MARK: - Reading

extension ProtoFile {
  init(_ file: UnsafeMutablePointer<Google__Protobuf__FileDescriptorProto>) {
    let c = file.pointee
    name = text(c.name) ?? ""
    package = text(c.package) ?? ""
    syntax = text(c.syntax) ?? "proto2"
    let package = package
    messages = list(c.message_type, c.n_message_type).enumerated()
      .map { ProtoMessage($1, scope: package, path: [4, Int32($0)]) }
    enums = list(c.enum_type, c.n_enum_type).enumerated()
      .map { ProtoEnum($1, scope: package, path: [5, Int32($0)]) }
    services = list(c.service, c.n_service).enumerated()
      .map { ProtoService($1, scope: package, path: [6, Int32($0)]) }
    hasExtensions = c.n_extension > 0
    hasCOptions = c.options.map { hasOptionsOfProtobufC($0.pointee.base) } ?? false
    isForCodeSize = c.options?.pointee.optimize_for == GOOGLE__PROTOBUF__FILE_OPTIONS__OPTIMIZE_MODE__CODE_SIZE
    locations = Locations(c.source_code_info)
  }
}

extension ProtoMessage {
  fileprivate init(
    _ message: UnsafeMutablePointer<Google__Protobuf__DescriptorProto>, scope: String, path: ElementPath
  ) {
    let c = message.pointee
    name = text(c.name) ?? ""
    let fullName = qualified(name, in: scope)
    self.fullName = fullName
    self.path = path
    fields = list(c.field, c.n_field).enumerated().map { ProtoField($1, path: path + [2, Int32($0)]) }
    oneofs = list(c.oneof_decl, c.n_oneof_decl).enumerated()
      .map { index, oneof in
        let name = text(oneof.pointee.name) ?? ""
        return ProtoOneof(name: name, fullName: qualified(name, in: fullName), path: path + [8, Int32(index)])
      }
    messages = list(c.nested_type, c.n_nested_type).enumerated()
      .map { ProtoMessage($1, scope: fullName, path: path + [3, Int32($0)]) }
    enums = list(c.enum_type, c.n_enum_type).enumerated()
      .map { ProtoEnum($1, scope: fullName, path: path + [4, Int32($0)]) }
    isMapEntry = c.options.map { $0.pointee.has_map_entry != 0 && $0.pointee.map_entry != 0 } ?? false
    hasExtensions = c.n_extension > 0 || c.n_extension_range > 0
    hasCOptions = c.options.map { hasOptionsOfProtobufC($0.pointee.base) } ?? false
  }
}

extension ProtoField {
  fileprivate init(_ field: UnsafeMutablePointer<Google__Protobuf__FieldDescriptorProto>, path: ElementPath) {
    let c = field.pointee
    name = text(c.name) ?? ""
    number = c.number
    type = ProtoType(number: c.type.rawValue, typeName: text(c.type_name) ?? "")
    isRepeated = c.label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED
    oneof = c.has_oneof_index != 0 ? Int(c.oneof_index) : nil
    isProto3Optional = c.has_proto3_optional != 0 && c.proto3_optional != 0
    isDeprecated = c.options.map { $0.pointee.has_deprecated != 0 && $0.pointee.deprecated != 0 } ?? false
    hasCOptions = c.options.map { hasOptionsOfProtobufC($0.pointee.base) } ?? false
    self.path = path
  }
}

extension ProtoType {
  /// - Parameter number: as in `FieldDescriptorProto.Type`.
  fileprivate init(number: UInt32, typeName: String) {
    let name = String(typeName.drop { $0 == "." })
    switch number {
    case 1: self = .double
    case 2: self = .float
    case 3, 16, 18: self = .int64
    case 4, 6: self = .uint64
    case 5, 15, 17: self = .int32
    case 7, 13: self = .uint32
    case 8: self = .bool
    case 9: self = .string
    case 11: self = .message(name)
    case 12: self = .bytes
    case 14: self = .enumeration(name)
    default: self = .group
    }
  }
}

extension ProtoEnum {
  fileprivate init(
    _ enumeration: UnsafeMutablePointer<Google__Protobuf__EnumDescriptorProto>, scope: String, path: ElementPath
  ) {
    let c = enumeration.pointee
    name = text(c.name) ?? ""
    fullName = qualified(name, in: scope)
    self.path = path
    values = list(c.value, c.n_value).enumerated()
      .map { (text($1.pointee.name) ?? "", $1.pointee.number, path + [2, Int32($0)]) }
  }
}

extension ProtoService {
  fileprivate init(
    _ service: UnsafeMutablePointer<Google__Protobuf__ServiceDescriptorProto>, scope: String, path: ElementPath
  ) {
    let c = service.pointee
    name = text(c.name) ?? ""
    fullName = qualified(name, in: scope)
    self.path = path
    methods = list(c.method, c.n_method).enumerated().map { index, method in
      let c = method.pointee
      return ProtoMethod(
        name: text(c.name) ?? "", input: String((text(c.input_type) ?? "").drop { $0 == "." }),
        output: String((text(c.output_type) ?? "").drop { $0 == "." }),
        isStreaming: c.client_streaming != 0 || c.server_streaming != 0, path: path + [2, Int32(index)])
    }
  }
}

// MARK: - Small readers

func qualified(_ name: String, in scope: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }

/// Text of a C string; nil where it was not set.
func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

/// The messages of a repeated field.
func list<C>(
  _ pointer: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ count: Int
) -> [UnsafeMutablePointer<C>] {
  (0..<count).compactMap { pointer?[$0] }
}

/// Whether options hold an extension of protobuf-c's own `protobuf-c.proto`, which all have this number.
private func hasOptionsOfProtobufC(_ options: ProtobufCMessage) -> Bool {
  (0..<Int(options.n_unknown_fields)).contains { options.unknown_fields[$0].tag == 1019 }
}

private func numbers(_ pointer: UnsafePointer<Int32>?, _ count: Int) -> [Int32] {
  [Int32](UnsafeBufferPointer(start: pointer, count: count))
}
