import Bytes
import Cryptography
import Payments

/// Leaves of the journal, which are RFC 6962's leaf hashes of the records: SHA-256 over a zero byte, a domain, the
/// record's number and its canonical fields. Card ciphertext and key version are left out, so that keys can be rotated.
///
/// ```
/// 0x00 | ASCII domain | 0x00 | u64 number | fields: numbers as u64, bytes and text behind a u32 length,
///                                           absent as 0xFFFFFFFF
/// ```
/// All numbers are big-endian. Source: docs/audit.md.
struct LeafHasher {
  /// What was added since the last update of `hasher`: one call of OpenSSL for a payment, not one for each field.
  private var buffer = InlineArray<256, UInt8>(repeating: 0)
  private var count = 0
  private var hasher = SHA256Hasher()

  init(_ domain: StaticString, number: Int64) {
    put(0)
    domain.withUTF8Buffer { put(UnsafeRawBufferPointer($0)) }
    put(0)
    add(number)
  }

  mutating func add(_ value: Int64) {
    withUnsafeBytes(of: value.bigEndian) { put($0) }
  }

  mutating func add(_ value: UInt64) { add(Int64(bitPattern: value)) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    length(UInt32(bytes.count))
    put(bytes)
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

  mutating func finish() -> Bytes32 {
    flush()
    return hasher.finish()
  }

  private mutating func length(_ count: UInt32) {
    withUnsafeBytes(of: count.bigEndian) { put($0) }
  }

  private mutating func put(_ byte: UInt8) {
    withUnsafeBytes(of: byte) { put($0) }
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) {
    if count + bytes.count > 256 { flush() }
    guard bytes.count <= 256 else { return hasher.update(bytes) }
    withUnsafeMutableBytes(of: &buffer) { buffer in
      UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + bytes.count]).copyMemory(from: bytes)
    }
    count += bytes.count
  }

  private mutating func flush() {
    withUnsafeBytes(of: buffer) { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    count = 0
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
    var node = leaf
    var rest = count
    while rest & 1 == 1 {
      node = Self.inner(subtrees.removeLast(), node)
      rest >>= 1
    }
    subtrees.append(node)
    count += 1
  }

  /// MTH of all leaves; of none it is SHA-256 of nothing.
  var root: Bytes32 {
    guard var node = subtrees.last else { return SHA256.digest([]) }
    for left in subtrees.dropLast().reversed() { node = Self.inner(left, node) }
    return node
  }

  /// SHA-256(0x01, left, right).
  private static func inner(_ left: Bytes32, _ right: Bytes32) -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: 65, alignment: 1) { node in
      node[0] = 0x01
      left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: node[1..<33]).copyMemory(from: $0) }
      right.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: node[33..<65]).copyMemory(from: $0) }
      return SHA256.digest(UnsafeRawBufferPointer(node))
    }
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
