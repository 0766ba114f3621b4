import Bytes
import Cryptography

/// The life of a ledger between two restored backups, as heads name it.
public struct JournalEpoch: Sendable, Equatable, CustomStringConvertible {
  /// 1 before the first restore.
  public var number: Int64
  /// Random bytes of the restore, since two ledgers restored from one backup have the same number; zero in the first.
  public var id: Bytes16

  public static let first = JournalEpoch(number: 1, id: Bytes16(high: 0, low: 0))

  public init(number: Int64, id: Bytes16) {
    self.number = number
    self.id = id
  }

  /// For example "epoch 2 (id 00112233445566778899aabbccddeeff)".
  public var description: String { "epoch \(number)" + (self == .first ? "" : " (id \(Hex.encode(id.bytes)))") }
}

/// A signed head of the journal.
///
/// Signed: ASCII "countersign/1 head", one zero byte, previous head's digest (32), root (32), first and last number,
/// time in milliseconds since 1970-01-01T00:00:00Z, number of the epoch, these four as big-endian u64, id of the epoch
/// (16). The previous digest is SHA-256 of what was signed before, zero for the first. Source: docs/audit.md, "Heads".
public struct JournalHead: Sendable, Equatable {
  public var previous: Bytes32
  public var root: Bytes32
  public var first: Int64
  public var last: Int64
  public var time: Int64
  /// Of the ledger when it was signed.
  public var epoch: JournalEpoch
  /// ECDSA on P-256 with SHA-256, DER.
  public var signature: [UInt8]

  public init(
    previous: Bytes32, root: Bytes32, first: Int64, last: Int64, time: Int64, epoch: JournalEpoch = .first,
    signature: [UInt8] = []
  ) {
    self.previous = previous
    self.root = root
    self.first = first
    self.last = last
    self.time = time
    self.epoch = epoch
    self.signature = signature
  }

  /// The bytes that are signed.
  public var signed: [UInt8] {
    Array("countersign/1 head".utf8) + [0] + fields
  }

  private var fields: [UInt8] {
    var bytes = previous.bytes + root.bytes
    for number in [first, last, time, epoch.number] { bytes.append(bigEndian: UInt64(bitPattern: number)) }
    return bytes + epoch.id.bytes
  }

  /// What the next head names as `previous`.
  public var digest: Bytes32 { SHA256.digest(signed) }

  public func isSigned(by key: PublicKey) -> Bool { key.isValid(signature: signature, for: signed) }
}

// MARK: - Bytes

extension JournalHead {
  /// As receipts and exports hold it: previous (32), root (32), u64 first, u64 last, u64 time, u64 epoch, its id
  /// (16), signature behind a u16 length.
  public var encoded: [UInt8] {
    var bytes = fields
    bytes.append(bigEndian: UInt16(clamping: signature.count))
    return bytes + signature
  }

  /// - Throws: ``AuditFailure`` where the bytes end too early or a number cannot be one.
  init(from reader: inout ByteReader) throws(AuditFailure) {
    self.init(
      previous: try reader.bytes32("previous"), root: try reader.bytes32("root"), first: try reader.number("first"),
      last: try reader.number("last"), time: try reader.number("time"),
      epoch: JournalEpoch(number: try reader.number("epoch"), id: try reader.bytes16("epoch")))
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
  /// head/1 FIRST LAST TIME EPOCH ID PREVIOUS ROOT SIGNATURE
  /// ```
  ///
  /// Numbers are decimal, bytes hexadecimal in lower case, one space between two. Source: docs/audit.md, "Files of
  /// heads".
  public var line: String {
    let numbers = [first, last, time, epoch.number].map { "\($0)" }
    let bytes = [epoch.id.bytes, previous.bytes, root.bytes, signature].map(Hex.encode)
    return (["head/1"] + numbers + bytes).joined(separator: " ")
  }

  /// - Returns: nil where the line is not a head.
  public init?(line: String) {
    let parts = line.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 9, parts[0] == "head/1",
      let first = Int64(parts[1]), let last = Int64(parts[2]), let time = Int64(parts[3]), first >= 1, last >= first,
      let epoch = Int64(parts[4]), epoch >= 1, let id = Hex.decode(String(parts[5])).flatMap({ Bytes16($0) }),
      let previous = Hex.decode(String(parts[6])).flatMap({ Bytes32($0) }),
      let root = Hex.decode(String(parts[7])).flatMap({ Bytes32($0) }),
      let signature = Hex.decode(String(parts[8])), !signature.isEmpty, signature.count <= 256
    else { return nil }
    self.init(
      previous: previous, root: root, first: first, last: last, time: time, epoch: JournalEpoch(number: epoch, id: id),
      signature: signature)
  }
}
