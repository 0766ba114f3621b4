import Bytes
import Cryptography

/// A signed head of the journal.
///
/// Signed: ASCII "countersign/1 head", one zero byte, previous head's digest (32), root (32), first and last number,
/// time in milliseconds since 1970-01-01T00:00:00Z, the last three as big-endian u64. The previous digest is SHA-256 of
/// what was signed before, zero for the first. Source: docs/audit.md, "Heads".
public struct JournalHead: Sendable, Equatable {
  public var previous: Bytes32
  public var root: Bytes32
  public var first: Int64
  public var last: Int64
  public var time: Int64
  /// ECDSA on P-256 with SHA-256, DER.
  public var signature: [UInt8]

  public init(
    previous: Bytes32, root: Bytes32, first: Int64, last: Int64, time: Int64, signature: [UInt8] = []
  ) {
    self.previous = previous
    self.root = root
    self.first = first
    self.last = last
    self.time = time
    self.signature = signature
  }

  /// The bytes that are signed.
  public var signed: [UInt8] {
    var bytes = Array("countersign/1 head".utf8) + [0] + previous.bytes + root.bytes
    for number in [first, last, time] { bytes.append(bigEndian: UInt64(bitPattern: number)) }
    return bytes
  }

  /// What the next head names as `previous`.
  public var digest: Bytes32 { SHA256.digest(signed) }

  public func isSigned(by key: PublicKey) -> Bool { key.isValid(signature: signature, for: signed) }
}

// MARK: - Bytes

extension JournalHead {
  /// As receipts and exports hold it: previous (32), root (32), u64 first, u64 last, u64 time, signature behind a u16
  /// length.
  public var encoded: [UInt8] {
    var bytes = previous.bytes + root.bytes
    for number in [first, last, time] { bytes.append(bigEndian: UInt64(bitPattern: number)) }
    bytes.append(bigEndian: UInt16(clamping: signature.count))
    return bytes + signature
  }

  /// - Throws: ``AuditFailure`` where the bytes end too early or a number cannot be one.
  init(from reader: inout ByteReader) throws(AuditFailure) {
    self.init(
      previous: try reader.bytes32("previous"), root: try reader.bytes32("root"), first: try reader.number("first"),
      last: try reader.number("last"), time: try reader.number("time"))
    signature = try reader.bytes(Int(try reader.integer("signature", as: UInt16.self)), "signature")
    guard first >= 1, last >= first else {
      throw AuditFailure("a head says that it is over records \(first) to \(last), which cannot be")
    }
  }

  /// Heads one behind the other.
  public static func heads(in bytes: [UInt8]) throws(AuditFailure) -> [JournalHead] {
    var reader = ByteReader(bytes)
    var heads: [JournalHead] = []
    while !reader.isAtEnd { heads.append(try JournalHead(from: &reader)) }
    return heads
  }
}

// MARK: - Lines

extension JournalHead {
  /// One line of a file of heads, without its end:
  ///
  /// ```
  /// head/1 FIRST LAST TIME PREVIOUS ROOT SIGNATURE
  /// ```
  ///
  /// Numbers are decimal, bytes hexadecimal in lower case, one space between two. Source: docs/audit.md, "Files of
  /// heads".
  public var line: String {
    let parts = ["head/1", "\(first)", "\(last)", "\(time)"] + [previous.bytes, root.bytes, signature].map(Hex.encode)
    return parts.joined(separator: " ")
  }

  /// - Returns: nil where the line is not a head.
  public init?(line: String) {
    let parts = line.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 7, parts[0] == "head/1",
      let first = Int64(parts[1]), let last = Int64(parts[2]), let time = Int64(parts[3]), first >= 1, last >= first,
      let previous = Hex.decode(String(parts[4])).flatMap({ Bytes32($0) }),
      let root = Hex.decode(String(parts[5])).flatMap({ Bytes32($0) }),
      let signature = Hex.decode(String(parts[6])), !signature.isEmpty, signature.count <= 256
    else { return nil }
    self.init(previous: previous, root: root, first: first, last: last, time: time, signature: signature)
  }
}
