import Bytes
import Cryptography

/// Proof that a payment's records stand in the journal: each record, the path from its leaf to the root of its head, and
/// the head with its signature. Verified with the published key alone.
///
/// ```
/// "countersign/1 receipt" | 0x00 | key (32) | u8 count | count times:
///   u32 length | record | head | u8 hashes | hashes times 32 bytes
/// ```
/// `key` is SHA-256 of the SubjectPublicKeyInfo that the heads are signed with. Source: docs/audit.md, "Receipts".
public struct Receipt: Sendable, Equatable {
  /// Most bytes of a receipt: two records with the longest texts and paths stay far below.
  public static let largestBytes = 16_384
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
  /// The intent, then the outcome where there was one.
  public var proofs: [Proof]

  public init(key: PublicKey, proofs: [Proof]) {
    self.key = SHA256.digest(key.der)
    self.proofs = proofs
  }

  public var encoded: [UInt8] {
    var bytes = Self.magic + key.bytes
    bytes.append(UInt8(proofs.count))
    for proof in proofs {
      bytes.append(sized: proof.record.bytes)
      bytes += proof.head.encoded
      bytes.append(UInt8(proof.path.count))
      for hash in proof.path { bytes += hash.bytes }
    }
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
    guard (1...2).contains(count) else { throw AuditFailure("holds \(count) records; a receipt has 1 or 2") }
    proofs = []
    for _ in 0..<count { proofs.append(try Proof(from: &reader)) }
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
  /// - Returns: the payment, and its outcome where the receipt has one.
  /// - Throws: ``AuditFailure`` that says exactly what is wrong.
  public func verify(
    by publicKey: PublicKey
  ) throws(AuditFailure) -> (payment: JournalRecord.PaymentFields, outcome: JournalRecord.OutcomeFields?) {
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
    guard proofs.count > 1 else { return (payment, nil) }
    guard case .outcome(let outcome) = proofs[1].record.content else {
      throw AuditFailure("its second record, \(proofs[1].record.number), is no outcome")
    }
    guard outcome.payment == proofs[0].record.number else {
      throw AuditFailure("its outcome is that of payment \(outcome.payment), not of \(proofs[0].record.number)")
    }
    return (payment, outcome)
  }
}
