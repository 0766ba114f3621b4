import Bytes

/// What does not fit in a receipt, an export or a journal, for people: what it is, and where.
public struct AuditFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Reads bytes that somebody else wrote from front to back; never beyond their end.
struct ByteReader {
  private let all: [UInt8]
  private var next = 0

  init(_ bytes: [UInt8]) { all = bytes }

  var isAtEnd: Bool { next == all.count }

  mutating func bytes(_ count: Int, _ name: String) throws(AuditFailure) -> [UInt8] {
    guard count <= all.count - next else {
      throw AuditFailure("ends in the middle of \(name): \(all.count - next) of \(count) bytes are there")
    }
    defer { next += count }
    return Array(all[next..<next + count])
  }

  /// Big-endian.
  mutating func integer<I: FixedWidthInteger & UnsignedInteger>(
    _ name: String, as type: I.Type
  ) throws(AuditFailure) -> I {
    try bytes(I.bitWidth / 8, name).reduce(0) { $0 << 8 | I($1) }
  }

  /// A u64 that holds a signed number.
  mutating func number(_ name: String) throws(AuditFailure) -> Int64 {
    Int64(bitPattern: try integer(name, as: UInt64.self))
  }

  mutating func bytes16(_ name: String) throws(AuditFailure) -> Bytes16 {
    Bytes16(high: try integer(name, as: UInt64.self), low: try integer(name, as: UInt64.self))
  }

  mutating func bytes32(_ name: String) throws(AuditFailure) -> Bytes32 {
    Bytes32(first: try bytes16(name), second: try bytes16(name))
  }

  /// Bytes behind a u32 length.
  mutating func sized(_ name: String) throws(AuditFailure) -> [UInt8] {
    try bytes(Int(try integer(name, as: UInt32.self)), name)
  }

  /// Bytes behind a u32 length; nil where the length is 0xFFFFFFFF.
  mutating func optional(_ name: String) throws(AuditFailure) -> [UInt8]? {
    let count = try integer(name, as: UInt32.self)
    return count == .max ? nil : try bytes(Int(count), name)
  }

  mutating func optionalNumber(_ name: String) throws(AuditFailure) -> Int64? {
    guard let bytes = try optional(name) else { return nil }
    guard bytes.count == 8 else { throw AuditFailure("\(name) has \(bytes.count) bytes, not 8") }
    return Int64(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
  }
}

extension [UInt8] {
  mutating func append<I: FixedWidthInteger>(bigEndian value: I) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  /// Appends bytes behind their u32 length.
  mutating func append(sized bytes: [UInt8]) {
    append(bigEndian: UInt32(bytes.count))
    append(contentsOf: bytes)
  }
}
