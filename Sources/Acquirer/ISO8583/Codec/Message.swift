import Glibc

/// One message: its type and the values of its fields, text as ASCII, binary fields as bytes.
///
/// Made to be used again: ``erase()`` zeroes what it held and keeps the room. Printing it shows nothing that the table
/// does not allow; see ``FieldTable/describe(_:)``.
public struct Message: Sendable {
  /// Four digits as a number: 200 for 0200.
  public var type: UInt16
  private var bytes: [UInt8] = []
  /// Where the values lie, by field number from 0 to 128.
  private var places = [Place](repeating: Place(start: 0, count: 0), count: 129)
  /// Bit 0 is the most significant of the first word and stands for field 1.
  private(set) var present: (primary: UInt64, secondary: UInt64) = (0, 0)

  private struct Place: Sendable, BitwiseCopyable {
    var start: UInt32
    var count: UInt32
  }

  public init(type: UInt16 = 0) {
    self.type = type
    bytes.reserveCapacity(1_024)
  }

  /// Whether a field from 2 to 128 is there.
  @inline(__always)
  public func has(_ field: Int) -> Bool {
    field <= 64
      ? present.primary & (1 << UInt64(64 - field)) != 0 : present.secondary & (1 << UInt64(128 - field)) != 0
  }

  /// Fields that are there, rising.
  public var fields: [Int] { (2...128).filter(has) }

  /// Value of a field; nil where it is absent.
  public subscript(field: Int) -> [UInt8]? {
    guard (2...128).contains(field), has(field) else { return nil }
    return withBytes(of: field) { [UInt8]($0) }
  }

  /// Value of a field that holds text; nil where it is absent.
  public func text(_ field: Int) -> String? { self[field].map { String(decoding: $0, as: UTF8.self) } }

  /// Gives a field's value; empty where it is absent.
  @inline(__always)
  public func withBytes<R>(of field: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let place = has(field) ? places[field] : Place(start: 0, count: 0)
    return try bytes.withUnsafeBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0[Int(place.start)..<Int(place.start) + Int(place.count)]))
    }
  }

  /// Sets a field from 2 to 128; field 1 is the secondary bitmap's and makes itself.
  public mutating func set(_ field: Int, _ value: some Collection<UInt8>) {
    append(field) { $0.append(contentsOf: value) }
  }

  /// Sets a field to what `body` appends.
  @inline(__always)
  public mutating func append<E: Error>(_ field: Int, _ body: (inout [UInt8]) throws(E) -> Void) throws(E) {
    precondition((2...128).contains(field), "fields are numbered from 2 to 128")
    let start = bytes.count
    try body(&bytes)
    places[field] = Place(start: UInt32(start), count: UInt32(bytes.count - start))
    if field <= 64 {
      present.primary |= 1 << UInt64(64 - field)
    } else {
      present.secondary |= 1 << UInt64(128 - field)
    }
  }

  /// Empties the message; nothing of it stays in memory.
  public mutating func erase() {
    bytes.withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
    }
    bytes.removeAll(keepingCapacity: true)
    present = (0, 0)
  }
}

extension Message: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Type and field numbers; no contents.
  public var description: String {
    "\(Self.text(of: type)) with \(fields.map { "DE\($0)" }.joined(separator: " "))"
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }

  /// A message type as four digits.
  public static func text(of type: UInt16) -> String {
    let digits = String(type)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
