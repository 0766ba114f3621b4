import Bytes
import Cryptography
import Payments

/// Leaves of the journal: SHA-256 over a domain, the record's number and its canonical fields. Card ciphertext and key
/// version are left out, so that keys can be rotated.
///
/// ```
/// ASCII domain | 0x00 | u64 number | fields: numbers as u64, bytes and text behind a u32 length, absent as 0xFFFFFFFF
/// ```
/// All numbers are big-endian. Source: docs/audit.md.
struct LeafHasher {
  private var hasher = SHA256Hasher()

  init(_ domain: StaticString, number: Int64) {
    domain.withUTF8Buffer { hasher.update(UnsafeRawBufferPointer($0)) }
    byte(0)
    add(number)
  }

  mutating func add(_ value: Int64) {
    withUnsafeBytes(of: value.bigEndian) { hasher.update($0) }
  }

  mutating func add(_ value: UInt64) { add(Int64(bitPattern: value)) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    length(UInt32(bytes.count))
    hasher.update(bytes)
  }

  mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  mutating func add(_ value: Bytes16) { value.withUnsafeBytes { add($0) } }

  mutating func addOptional(_ value: Int64?) {
    guard let value else { return length(.max) }
    withUnsafeBytes(of: value.bigEndian) { add($0) }
  }

  mutating func addOptional(_ value: Bytes16?) {
    guard let value else { return length(.max) }
    add(value)
  }

  mutating func finish() -> Bytes32 { hasher.finish() }

  private mutating func byte(_ value: UInt8) {
    withUnsafeBytes(of: value) { hasher.update($0) }
  }

  private mutating func length(_ count: UInt32) {
    withUnsafeBytes(of: count.bigEndian) { hasher.update($0) }
  }
}

extension Bytes32 {
  /// First 8 bytes as the rows keep them.
  var leafPrefix: Int64 { Int64(bitPattern: first.high) }
}

/// The right edge of a Merkle tree (RFC 6962 section 2.1) that grows leaf by leaf; one hash a leaf on average.
struct MerkleFrontier: Sendable {
  /// Roots of the full subtrees, the largest first; their sizes are the bits of ``count``.
  private var subtrees: [Bytes32] = []
  private(set) var count: UInt64 = 0

  mutating func append(_ leaf: Bytes32) {
    var node = Self.hash(0x00, leaf)
    var rest = count
    while rest & 1 == 1 {
      node = Self.hash(0x01, subtrees.removeLast(), node)
      rest >>= 1
    }
    subtrees.append(node)
    count += 1
  }

  /// MTH of all leaves; of none it is SHA-256 of nothing.
  var root: Bytes32 {
    guard var node = subtrees.last else { return SHA256.digest([]) }
    for left in subtrees.dropLast().reversed() { node = Self.hash(0x01, left, node) }
    return node
  }

  private static func hash(_ prefix: UInt8, _ nodes: Bytes32...) -> Bytes32 {
    var hasher = SHA256Hasher()
    withUnsafeBytes(of: prefix) { hasher.update($0) }
    for node in nodes { node.withUnsafeBytes { hasher.update($0) } }
    return hasher.finish()
  }
}

/// A signed head of the journal.
///
/// Signed: ASCII "countersign/1 head", one zero byte, previous head's digest (32), root (32), first and last number,
/// time in milliseconds since 1970-01-01T00:00:00Z, the last three as big-endian u64. The previous digest is SHA-256 of
/// what was signed before, zero for the first. Source: docs/audit.md.
public struct JournalHead: Sendable, Equatable {
  public var previous: Bytes32
  public var root: Bytes32
  public var first: Int64
  public var last: Int64
  public var time: Int64
  public var signature: [UInt8] = []

  /// The bytes that are signed.
  public var signed: [UInt8] {
    var bytes = Array("countersign/1 head".utf8) + [0] + previous.bytes + root.bytes
    for number in [first, last, time] {
      withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }
}
