import Bytes
import Cryptography
import Foundation
import TestPrograms
import Testing

@testable import Audit

/// Receipts made here, and one that real processes made (Tests/Vectors/receipt).
@Suite struct ReceiptTests {
  static let signer = PrivateKey.generate(.p256)

  /// Payment 3 and its outcome 5 among the records 1 to 6, under one head.
  static func receipt(
    places: [Int] = [2, 4], _ change: (inout [[UInt8]]) -> Void = { _ in }
  ) throws -> Receipt {
    var records = (1...6).map { event(Int64($0)) }
    records[2] = payment(3)
    records[4] = outcome(5, of: 3)
    change(&records)
    let leaves = records.map(MerkleTree.leaf)
    var edge = MerkleFrontier()
    for leaf in leaves { edge.append(leaf) }
    var head = JournalHead(previous: SHA256.digest([1]), root: edge.root, first: 1, last: 6, time: 1_795_000_000_000)
    head.signature = try signer.sign(head.signed)
    return try Receipt(
      key: signer,
      proofs: try places.map {
        Receipt.Proof(record: try JournalRecord(records[$0]), head: head, path: MerkleTree.path(of: $0, in: leaves))
      }, until: 6, time: head.time)
  }

  /// What the records of 700 say, the third of which is the payment, with events put behind its outcome.
  static func standing(_ events: [(kind: String, text: String)]) throws -> ReceiptFindings {
    let receipt = try receipt(places: [2, 3] + events.indices.map { $0 + 4 }) { records in
      records[2] = payment(3, amount: 700)
      records[3] = outcome(4, of: 3)
      for (index, event) in events.enumerated() {
        records[4 + index] = Self.event(Int64(5 + index), event.kind, of: 3, event.text)
      }
    }
    return try Receipt(receipt.encoded).verify(by: signer.publicKey)
  }

  @Test(
    arguments: [
      ([], "APPROVED"), ([("OPERATION", "REFUND 5 DONE 500, response 00")], "APPROVED, then refunded 500 of 700"),
      (
        [("OPERATION", "REFUND 5 DONE 500"), ("OPERATION", "REFUND 6 UNKNOWN 100, sent 1 times")],
        "APPROVED, then refunded 500 of 700, a refund of 100 has no answer"
      ),
      ([("OPERATION", "VOID 5 DONE 700")], "APPROVED, then voided"),
      ([("OPERATION", "VOID 5 SENDING 700")], "APPROVED, a void has no answer"),
      ([("STATE", "REVERSED, reversal 2")], "REVERSED"),
    ] as [([(kind: String, text: String)], String)])
  func itSaysWhereThePaymentStands(_ events: [(kind: String, text: String)], _ text: String) throws {
    #expect(try Self.standing(events).standing == text)
  }

  @Test(
    arguments: [
      ([("LOGIN", "in")], "record 5 is neither the last state of the payment nor of a refund or void"),
      ([("OPERATION", "REFUND REQUESTED 5, by CN=Lee")], "record 5 is neither"),
      ([("STATE", "UNKNOWN"), ("STATE", "REVERSED")], "record 6 is neither"),
    ] as [([(kind: String, text: String)], String)])
  func whatSaysNothingOfItDoesNotBelongIntoAReceipt(_ events: [(kind: String, text: String)], _ words: String) {
    let failure = #expect(throws: AuditFailure.self) { try Self.standing(events) }
    #expect(failure?.description.hasPrefix(words) == true, "\(String(describing: failure))")
  }

  /// Each record left is proved, and what was taken out is missed.
  @Test func aRecordThatWasLeftOutIsMissed() throws {
    var receipt = try Self.receipt()
    receipt.proofs.removeLast()
    #expect(throws: AuditFailure("its own signature is wrong: records were left out of it, or put into it")) {
      try Receipt(receipt.encoded).verify(by: Self.signer.publicKey)
    }
  }

  @Test func aGoodReceiptTellsPaymentAndOutcome() throws {
    let receipt = try Receipt(Self.receipt().encoded)
    let found = try receipt.verify(by: Self.signer.publicKey)
    let (payment, outcome) = (found.payment, found.outcome?.fields)
    #expect(payment.amount == 12_900 && payment.currency == "KRW" && payment.maskedCard == "411111******1111")
    #expect(String(decoding: payment.reference, as: UTF8.self) == "A-1")
    #expect(outcome?.stateName == "APPROVED" && outcome?.approvalText == "00123A" && outcome?.responseText == "00")
  }

  @Test func everyAlteredByteIsRefused() throws {
    let bytes = try Self.receipt().encoded
    for place in bytes.indices {
      var altered = bytes
      altered[place] ^= 0x01
      #expect(throws: AuditFailure.self, "byte \(place)") {
        try Receipt(altered).verify(by: Self.signer.publicKey)
      }
    }
  }

  @Test func everyShortenedReceiptIsRefusedAndSoIsALongerOne() throws {
    let bytes = try Self.receipt().encoded
    for count in bytes.indices {
      #expect(throws: AuditFailure.self, "\(count) bytes") { try Receipt(Array(bytes[..<count])) }
    }
    #expect(throws: AuditFailure("has bytes behind its end")) { try Receipt(bytes + [0]) }
    #expect(throws: AuditFailure.self) { try Receipt(Receipt.magic + Array(repeating: 0xff, count: 20_000)) }
  }

  @Test func anotherKeyIsNamed() throws {
    let failure = #expect(throws: AuditFailure.self) {
      try Self.receipt().verify(by: PrivateKey.generate(.p256).publicKey)
    }
    #expect(failure?.description.contains(Hex.encode(SHA256.digest(Self.signer.publicKey.der).bytes)) == true)
  }

  /// Each part by itself is right, together they prove nothing.
  @Test func partsOfDifferentReceiptsDoNotGoTogether() throws {
    var swapped = try Self.receipt()
    swapped.proofs.reverse()
    #expect(throws: AuditFailure("its first record, 5, is no payment")) {
      try swapped.verify(by: Self.signer.publicKey)
    }
    let foreign = try Self.receipt { $0[4] = Self.outcome(5, of: 2) }
    #expect(throws: AuditFailure("record 5 is of payment 2, not of 3")) {
      try foreign.verify(by: Self.signer.publicKey)
    }
    var moved = try Self.receipt()
    moved.proofs[0].path[0] = moved.proofs[1].path[0]
    #expect(
      throws: AuditFailure("record 3 was altered, or its proof: they do not lead to the root of its head")
    ) { try moved.verify(by: Self.signer.publicKey) }
    var outside = try Self.receipt()
    outside.proofs[0].head.first = 4
    #expect(throws: AuditFailure("record 3 is not among those of its head, 4 to 6")) {
      try outside.verify(by: Self.signer.publicKey)
    }
    var unsigned = try Self.receipt()
    unsigned.proofs[0].head.time += 1
    #expect(throws: AuditFailure("the signature of the head over records 1 to 6 is wrong")) {
      try unsigned.verify(by: Self.signer.publicKey)
    }
  }

  @Test func aReceiptOfRealProcessesIsGood() throws {
    func file(_ name: String) throws -> [UInt8] {
      [UInt8](try Data(contentsOf: URL(filePath: Repository.path("Tests/Vectors/receipt/\(name)"))))
    }
    let found = try Receipt(file("refunded.receipt")).verify(by: PublicKey(pem: file("audit.pem")))
    #expect(found.payment.amount == 700 && found.standing == "APPROVED, then refunded 500 of 700")
  }

  // MARK: - Records, written out from docs/audit.md

  static func u64(_ number: Int64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) } }
  static func sized(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }
  static func text(_ text: String) -> [UInt8] { sized(Array(text.utf8)) }
  static func domain(_ name: String, _ number: Int64) -> [UInt8] { Array("countersign/1 \(name)\0".utf8) + u64(number) }

  static func payment(_ number: Int64, amount: Int64 = 12_900) -> [UInt8] {
    var record = domain("payment", number) + sized([UInt8](1...16)) + u64(1) + u64(2) + sized([UInt8](17...32))
    record += u64(4) + u64(1_795_000_000_000) + u64(amount) + u64(0x4B5257) + u64(0) + text("A-1")
    return record + sized([UInt8](repeating: 7, count: 32)) + u64(411_111) + u64(1_111) + u64(16)
  }

  static func outcome(_ number: Int64, of payment: Int64) -> [UInt8] {
    domain("outcome", number) + u64(payment) + u64(1_795_000_000_001) + u64(2) + u64(0x3030_3132_3341) + u64(0x3030)
  }

  static func event(_ number: Int64) -> [UInt8] {
    let absent: [UInt8] = [0xff, 0xff, 0xff, 0xff]
    return domain("event", number) + text("LOGIN") + absent + sized(u64(2)) + absent + absent + u64(5) + text("in")
  }

  static func event(_ number: Int64, _ kind: String, of payment: Int64, _ body: String) -> [UInt8] {
    let absent: [UInt8] = [0xff, 0xff, 0xff, 0xff]
    let record = domain("event", number) + text(kind) + sized(u64(payment)) + absent + absent + absent
    return record + u64(5) + text(body)
  }
}

/// Records as others read them.
@Suite struct JournalRecordTests {
  @Test func anEventKeepsAbsentFieldsApart() throws {
    guard case .event(let event) = try JournalRecord(ReceiptTests.event(9)).content else {
      Issue.record("no event")
      return
    }
    #expect(event.payment == nil && event.consultant == 2 && event.company == nil && event.session == nil)
    #expect(event.kind == Array("LOGIN".utf8) && event.text == Array("in".utf8) && event.time == 5)
  }

  @Test(
    arguments: [
      [], Array("countersign/1 payment".utf8), Array("countersign/1 else\0".utf8) + [0, 0, 0, 0, 0, 0, 0, 1],
      ReceiptTests.event(1) + [0], ReceiptTests.payment(1) + [0], ReceiptTests.outcome(1, of: 1).dropLast(),
    ] as [[UInt8]])
  func whatIsNoRecordIsRefused(_ bytes: [UInt8]) {
    #expect(throws: AuditFailure.self) { try JournalRecord(bytes) }
  }

  @Test func whatNamesASaleIsTheLastField() throws {
    let bytes = ReceiptTests.payment(1) + ReceiptTests.sized([1, 2, 3])
    guard case .payment(let payment) = try JournalRecord(bytes).content else {
      Issue.record("no payment")
      return
    }
    #expect(payment.original == [1, 2, 3])
  }
}
