import Bytes

/// Builds what is signed or authenticated: the ASCII label, one zero byte, then each field behind its length as a
/// big-endian u32. Reusable, so that the payment path packs without allocating.
///
/// ```
/// label | 0x00 | u32 length | field 1 | u32 length | field 2 | …
/// ```
/// Source: docs/security.md, "pack".
public struct Pack {
  /// What has been packed so far.
  public private(set) var bytes: [UInt8]

  /// Starts with a label.
  public init(_ label: StaticString) {
    bytes = []
    restart(label)
  }

  /// Packs a label and its fields at once.
  public init(_ label: StaticString, _ fields: [UInt8]...) {
    self.init(label)
    for field in fields { append(field) }
  }

  /// Forgets everything and starts with another label; keeps the room.
  public mutating func restart(_ label: StaticString) {
    bytes.removeAll(keepingCapacity: true)
    label.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(0)
  }

  /// Appends one field of at most 2^32 - 1 bytes.
  public mutating func append(_ field: UnsafeRawBufferPointer) {
    appendLength(field.count)
    bytes.append(contentsOf: field)
  }

  /// Appends one field of at most 2^32 - 1 bytes.
  public mutating func append(_ field: [UInt8]) {
    appendLength(field.count)
    bytes.append(contentsOf: field)
  }

  /// Appends text as its UTF-8 bytes.
  public mutating func append(_ text: String) { append(Array(text.utf8)) }

  /// Appends 8 bytes, big-endian.
  public mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.bigEndian) { append($0) }
  }

  /// Appends 16 bytes.
  public mutating func append(_ value: Bytes16) { value.withUnsafeBytes { append($0) } }

  /// Appends 32 bytes.
  public mutating func append(_ value: Bytes32) { value.withUnsafeBytes { append($0) } }

  private mutating func appendLength(_ count: Int) {
    withUnsafeBytes(of: UInt32(count).bigEndian) { bytes.append(contentsOf: $0) }
  }
}
