import CProtobufC

/// One pass over the wire format (protobuf encoding, proto3) that refuses what the decoding rules do not allow.
/// Allocates nothing; touches each byte of text once and no byte of bytes fields.
public enum Scan {
  /// - Throws: ``DecodingFailure`` that names the field.
  public static func check(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ rules: DecodingRules
  ) throws(DecodingFailure) {
    try message(WireReader(bytes), descriptor, rules, depth: 1)
  }

  private static func message(
    _ reader: WireReader, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ rules: DecodingRules, depth: Int
  ) throws(DecodingFailure) {
    guard depth <= rules.depth else { throw DecodingFailure("is nested deeper than \(rules.depth)") }
    let count = Int(descriptor.pointee.n_fields)
    let failure: DecodingFailure? = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(count, 1)) { seen in
      seen.initialize(repeating: 0)
      do throws(DecodingFailure) {
        try fields(reader, descriptor, rules, depth, seen)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  private static func fields(
    _ reader: WireReader, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ rules: DecodingRules, _ depth: Int,
    _ seen: UnsafeMutableBufferPointer<UInt32>
  ) throws(DecodingFailure) {
    var reader = reader
    var total = 0
    var unknown = 0
    var hint = 0
    while !reader.isAtEnd {
      let tag = try reader.tag()
      total += 1
      guard total <= rules.fields else { throw DecodingFailure("has more than \(rules.fields) fields") }
      guard let index = find(tag.field, descriptor, from: hint) else {
        unknown += 1
        guard unknown <= rules.unknownFields else {
          throw DecodingFailure(
            rules.unknownFields == 0
              ? "has the unknown field \(tag.field)" : "has more than \(rules.unknownFields) unknown fields")
        }
        _ = try reader.value(tag.type)
        continue
      }
      hint = index
      let field: UnsafePointer<ProtobufCFieldDescriptor> = descriptor.pointee.fields + index
      do throws(DecodingFailure) {
        let elements = try check(&reader, tag.type, field, rules, depth)
        try count(elements, of: index, field, descriptor, rules, seen)
      } catch {
        throw error.inside(String(cString: field.pointee.name))
      }
    }
  }

  /// Place of a field number; most senders write fields in order, so the search begins at the last one.
  @inline(__always)
  private static func find(
    _ number: UInt32, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, from hint: Int
  ) -> Int? {
    let count = Int(descriptor.pointee.n_fields)
    var index = hint
    for _ in 0..<count {
      if descriptor.pointee.fields[index].id == number { return index }
      index = index + 1 == count ? 0 : index + 1
    }
    return nil
  }

  /// Checks one occurrence of a field; returns how many elements it brings.
  private static func check(
    _ reader: inout WireReader, _ type: WireType, _ field: UnsafePointer<ProtobufCFieldDescriptor>,
    _ rules: DecodingRules, _ depth: Int
  ) throws(DecodingFailure) -> Int {
    let value = try reader.value(type)
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_STRING:
      guard type == .bytes else { throw .wrongType }
      guard value.isTextWithoutNUL else { throw DecodingFailure("is not UTF-8 without NUL") }
    case PROTOBUF_C_TYPE_BYTES:
      guard type == .bytes else { throw .wrongType }
    case PROTOBUF_C_TYPE_MESSAGE:
      guard type == .bytes, let inner = field.pointee.descriptor else { throw .wrongType }
      let descriptor = inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
      try message(WireReader(value), descriptor, rules, depth: depth + 1)
    default:
      let own = WireType(of: field.pointee.type)
      if type == .bytes, field.pointee.label == PROTOBUF_C_LABEL_REPEATED { return try packed(value, own) }
      guard type == own else { throw .wrongType }
    }
    return 1
  }

  /// Elements of a packed field.
  private static func packed(_ bytes: UnsafeRawBufferPointer, _ type: WireType) throws(DecodingFailure) -> Int {
    var reader = WireReader(bytes)
    var count = 0
    while !reader.isAtEnd {
      _ = try reader.value(type)
      count += 1
    }
    return count
  }

  private static func count(
    _ elements: Int, of index: Int, _ field: UnsafePointer<ProtobufCFieldDescriptor>,
    _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ rules: DecodingRules,
    _ seen: UnsafeMutableBufferPointer<UInt32>
  ) throws(DecodingFailure) {
    seen[index] = UInt32(clamping: Int(seen[index]) + elements)
    let isRepeated = field.pointee.label == PROTOBUF_C_LABEL_REPEATED
    if !isRepeated, field.pointee.type == PROTOBUF_C_TYPE_MESSAGE, seen[index] > 1 {
      // By the encoding's rules the two would be merged; libprotobuf-c 1.4 loses fields of the first.
      throw DecodingFailure("comes twice")
    }
    if isRepeated || !rules.isStrict {
      guard seen[index] <= rules.repeats else { throw DecodingFailure("comes more than \(rules.repeats) times") }
      return
    }
    guard seen[index] == 1 else { throw DecodingFailure("comes twice") }
    guard field.pointee.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue != 0 else { return }
    for other in seen.indices where other != index && seen[other] > 0 {
      let sibling = descriptor.pointee.fields[other]
      guard
        sibling.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue == 0
          || sibling.quantifier_offset != field.pointee.quantifier_offset
      else { throw DecodingFailure("comes together with \(String(cString: sibling.name)) of the same oneof") }
    }
  }
}

extension DecodingFailure {
  fileprivate static var wrongType: DecodingFailure { DecodingFailure("has another wire type than the field") }
}
