import Bytes
import Cryptography

/// Proof that a payment's records stand in the journal: each record, the path from its leaf to the root of its head, and
/// the head with its signature; and the service's signature that there are no others. Verified with the published key
/// alone.
///
/// ```
/// "countersign/1 receipt" | 0x00 | key (32) | u8 count | count times:
///   u32 length | record | head | u8 hashes | hashes times 32 bytes
/// | u64 until | u64 time | u16 length | signature over all bytes before `length`
/// ```
/// `key` is SHA-256 of the SubjectPublicKeyInfo that heads and receipt are signed with. Source: docs/audit.md,
/// "Receipts".
public struct Receipt: Sendable, Equatable {
  /// Most bytes of a receipt: fits in a frame of 64 KiB.
  public static let largestBytes = 49_152
  /// Most records, each of at most some 1,200 bytes with its head and path.
  public static let mostRecords = 40
  static let magic = Array("countersign/1 receipt".utf8) + [0]

  public struct Proof: Sendable, Equatable {
    public var record: JournalRecord
    public var head: JournalHead
    /// The hash nearest to the leaf first.
    public var path: [Bytes32]
    public init(record: JournalRecord, head: JournalHead, path: [Bytes32]) {
      self.record = record
      self.head = head
      self.path = path
    }
  }

  /// SHA-256 of the DER of the signer's SubjectPublicKeyInfo.
  public var key: Bytes32
  /// The intent; the outcome where there is one; then by rising number the last record of its way where that is newer,
  /// and the last record of each refund and void that was sent.
  public var proofs: [Proof]
  /// Last record that was looked at, and the time of the head over it.
  public var until: Int64
  public var time: Int64
  /// ECDSA on P-256 with SHA-256, DER.
  public var signature: [UInt8] = []

  /// - Throws: what the key throws where it cannot sign.
  public init(key: PrivateKey, proofs: [Proof], until: Int64, time: Int64) throws(CryptographyError) {
    self.key = SHA256.digest(key.publicKey.der)
    (self.proofs, self.until, self.time) = (proofs, until, time)
    signature = try key.sign(signed)
  }

  public var encoded: [UInt8] {
    var bytes = signed
    bytes.append(bigEndian: UInt16(clamping: signature.count))
    return bytes + signature
  }

  /// The bytes that are signed.
  private var signed: [UInt8] {
    var bytes = Self.magic + key.bytes
    bytes.append(UInt8(proofs.count))
    for proof in proofs {
      bytes.append(sized: proof.record.bytes)
      bytes += proof.head.encoded
      bytes.append(UInt8(proof.path.count))
      for hash in proof.path { bytes += hash.bytes }
    }
    for number in [until, time] { bytes.append(bigEndian: UInt64(bitPattern: number)) }
    return bytes
  }

  /// Reads a receipt; nothing is verified yet.
  ///
  /// - Throws: ``AuditFailure`` that says where the bytes are no receipt.
  public init(_ bytes: [UInt8]) throws(AuditFailure) {
    guard bytes.starts(with: Self.magic) else {
      throw AuditFailure("is no receipt: does not begin with \"countersign/1 receipt\" and a zero byte")
    }
    guard bytes.count <= Self.largestBytes else {
      throw AuditFailure("is no receipt: has more than \(Self.largestBytes) bytes")
    }
    var reader = ByteReader(Array(bytes[Self.magic.count...]))
    key = try reader.bytes32("key")
    let count = try reader.integer("count", as: UInt8.self)
    guard (1...Self.mostRecords).contains(Int(count)) else {
      throw AuditFailure("holds \(count) records; a receipt has 1 to \(Self.mostRecords)")
    }
    proofs = []
    for _ in 0..<count { proofs.append(try Proof(from: &reader)) }
    (until, time) = (try reader.number("until"), try reader.number("time"))
    signature = try reader.bytes(Int(try reader.integer("signature", as: UInt16.self)), "signature")
    guard reader.isAtEnd else { throw AuditFailure("has bytes behind its end") }
  }
}

extension Receipt.Proof {
  init(from reader: inout ByteReader) throws(AuditFailure) {
    record = try JournalRecord(try reader.sized("record"))
    head = try JournalHead(from: &reader)
    let count = try reader.integer("path", as: UInt8.self)
    path = []
    for _ in 0..<count { path.append(try reader.bytes32("path")) }
  }

  /// - Throws: ``AuditFailure`` that names the record and what is wrong.
  func verify(by key: PublicKey) throws(AuditFailure) {
    guard (head.first...head.last).contains(record.number) else {
      throw AuditFailure("record \(record.number) is not among those of its head, \(head.first) to \(head.last)")
    }
    let root = MerkleTree.root(
      leaf: record.leaf, index: UInt64(record.number - head.first), size: UInt64(head.last - head.first) + 1,
      path: path)
    guard let root else {
      throw AuditFailure("the proof of record \(record.number) has the wrong number of hashes")
    }
    guard root == head.root else {
      throw AuditFailure("record \(record.number) was altered, or its proof: they do not lead to the root of its head")
    }
    guard head.isSigned(by: key) else {
      throw AuditFailure("the signature of the head over records \(head.first) to \(head.last) is wrong")
    }
  }
}

extension Receipt {
  /// Verifies everything.
  ///
  /// - Returns: what it says.
  /// - Throws: ``AuditFailure`` that says exactly what is wrong.
  public func verify(by publicKey: PublicKey) throws(AuditFailure) -> ReceiptFindings {
    let name = SHA256.digest(publicKey.der)
    guard key == name else {
      throw AuditFailure(
        "the receipt says that it is signed with the key \(Hex.encode(key.bytes)), and the key given is "
          + Hex.encode(name.bytes))
    }
    for proof in proofs { try proof.verify(by: publicKey) }
    guard case .payment(let payment) = proofs[0].record.content else {
      throw AuditFailure("its first record, \(proofs[0].record.number), is no payment")
    }
    var findings = ReceiptFindings(number: proofs[0].record.number, payment: payment)
    (findings.until, findings.untilTime) = (until, time)
    for proof in proofs.dropFirst() { try findings.add(proof.record) }
    guard let last = proofs.last?.record.number, last <= until else {
      throw AuditFailure("it is of the records up to \(until) and has a later one")
    }
    guard publicKey.isValid(signature: signature, for: signed) else {
      throw AuditFailure("its own signature is wrong: records were left out of it, or put into it")
    }
    return findings
  }
}

extension ReceiptFindings {
  /// Takes the next record of a receipt.
  fileprivate mutating func add(_ record: JournalRecord) throws(AuditFailure) {
    let last = operations.last?.record ?? step?.record ?? outcome?.record ?? number
    guard record.number > last else { throw AuditFailure("record \(record.number) stands behind record \(last)") }
    let owner: Int64?
    switch record.content {
    case .payment: throw AuditFailure("record \(record.number) is another payment")
    case .outcome(let fields):
      guard outcome == nil, step == nil, operations.isEmpty else {
        throw AuditFailure("record \(record.number) is a second outcome")
      }
      (owner, outcome) = (fields.payment, (record.number, fields))
    case .event(let fields):
      owner = fields.payment
      if let operation = record.operation {
        operations.append(operation)
      } else if let state = record.step, step == nil {
        step = (record.number, state)
      } else {
        throw AuditFailure("record \(record.number) is neither the last state of the payment nor of a refund or void")
      }
    }
    guard owner == number else {
      throw AuditFailure("record \(record.number) is of payment \(owner ?? 0), not of \(number)")
    }
  }
}
