import Bytes
import Cryptography

/// Leaves of the journal, which are RFC 6962's leaf hashes of the records: SHA-256 over a zero byte, a domain, the
/// record's number and its canonical fields. Card ciphertext and key version are left out, so that keys can be rotated;
/// fingerprint and expiry are in as a digest, so that a record can be shown to others without them.
///
/// ```
/// 0x00 | ASCII domain | 0x00 | u64 number | fields: numbers as u64, bytes and text behind a u32 length,
///                                           absent as 0xFFFFFFFF
/// ```
/// All numbers are big-endian. Source: docs/audit.md.
struct LeafHasher: RecordSink {
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

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    length(UInt32(bytes.count))
    put(bytes)
  }

  mutating func addAbsent() { length(.max) }

  /// What a leaf tells of a card besides its first six and last four digits: SHA-256 of fingerprint and expiry (u64).
  /// The fingerprint is keyed, so the expiry cannot be found by trying.
  static func card(_ fingerprint: Bytes16, expiry: Int64) -> Bytes32 {
    let bytes = (fingerprint.high.bigEndian, fingerprint.low.bigEndian, expiry.bigEndian)
    return withUnsafeBytes(of: bytes) { SHA256.digest($0) }
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

/// Takes the canonical fields of a record, one after the other.
protocol RecordSink {
  /// A number as u64.
  mutating func add(_ value: Int64)
  /// Bytes or text behind a u32 length.
  mutating func add(_ bytes: UnsafeRawBufferPointer)
  /// A field that is absent: 0xFFFFFFFF.
  mutating func addAbsent()
}

extension RecordSink {
  mutating func add(_ value: UInt64) { add(Int64(bitPattern: value)) }

  mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  mutating func add(_ value: Bytes16) { value.withUnsafeBytes { add($0) } }
  mutating func add(_ value: Bytes32) { value.withUnsafeBytes { add($0) } }

  mutating func addOptional(_ value: Int64?) {
    guard let value else { return addAbsent() }
    withUnsafeBytes(of: value.bigEndian) { add($0) }
  }

  mutating func addOptional(_ value: Bytes16?) {
    guard let value else { return addAbsent() }
    add(value)
  }
}

/// The canonical bytes of a record: what its leaf is hashed over, without the zero byte in front.
struct RecordBytes: RecordSink {
  private(set) var bytes: [UInt8] = []

  init(_ domain: StaticString, number: Int64) {
    domain.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(0)
    add(number)
  }

  mutating func add(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }

  mutating func add(_ field: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt32(field.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: field)
  }

  mutating func addAbsent() { bytes.append(contentsOf: [0xff, 0xff, 0xff, 0xff]) }
}
