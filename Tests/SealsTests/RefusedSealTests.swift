import Bytes
import Cryptography
import Seals
import Testing

/// Nothing but the exact seal opens.
@Suite struct RefusedSealTests {
  let vector: ScheduleCase
  let sequence: UInt64

  init() throws {
    vector = try #require(ScheduleCase.all.first)
    sequence = vector.number("payment_sequence")
  }

  @Test func theKeywordOfTheVectorOpens() throws {
    #expect(try openKeyword(vector["keyword"], order: vector["order"]) == vector["keyword_plaintext"])
  }

  @Test func aKeywordWithAnyBitChangedIsRejected() throws {
    let keyword = vector["keyword"]
    for bit in 0..<keyword.count * 8 {
      var changed = keyword
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: SealError.keywordRejected) { try openKeyword(changed, order: vector["order"]) }
    }
  }

  @Test func aKeywordOfAnyOtherLengthIsRejected() throws {
    for length in Array(0..<54) + [55, 128, 512] {
      let cut = Array((vector["keyword"] + [UInt8](repeating: 0, count: 512)).prefix(length))
      #expect(throws: SealError.keywordRejected) { try openKeyword(cut, order: vector["order"]) }
    }
  }

  @Test func aKeywordOfAnotherOrderIsRejected() throws {
    var order = vector["order"]
    order[order.count - 1] ^= 1
    #expect(throws: SealError.keywordRejected) { try openKeyword(vector["keyword"], order: order) }
  }

  @Test func aKeywordOfAnotherSequenceIsRejected() throws {
    #expect(throws: SealError.keywordRejected) {
      try openKeyword(vector["keyword"], order: vector["order"], sequence: sequence + 1)
    }
  }

  @Test func aRejectedKeywordLeavesNothingBehind() throws {
    let seals = try paymentSeals(vector)
    var output = [UInt8](repeating: 0xAA, count: SealSize.identityAndMAC)
    var keyword = vector["keyword"]
    keyword[53] ^= 1
    output.withUnsafeMutableBytes { output in
      keyword.withUnsafeBytes { keyword in
        vector["order"].withUnsafeBytes { order in
          _ = try? seals.openKeyword(keyword, order: order, sequence: sequence, into: output)
        }
      }
    }
    #expect(output == [UInt8](repeating: 0, count: SealSize.identityAndMAC))
  }

  @Test func cardDataWithoutAnIdentityInForceIsRejected() throws {
    let seals = try paymentSeals(vector)
    seals.forgetIdentity()
    #expect(throws: SealError.paymentRejected) { try openPayment(seals) }
  }

  @Test func cardDataUnderAnotherIdentityIsRejected() throws {
    let seals = try paymentSeals(vector)
    var other = vector["keyword_plaintext"]
    other[0] ^= 1
    seals.use(identityAndMAC: SecretBytes(copying: other))
    #expect(throws: SealError.paymentRejected) { try openPayment(seals) }
  }

  @Test func cardDataUnderAnotherMACAddressIsRejected() throws {
    let seals = try paymentSeals(vector)
    var other = vector["keyword_plaintext"]
    other[37] ^= 1
    seals.use(identityAndMAC: SecretBytes(copying: other))
    #expect(throws: SealError.paymentRejected) { try openPayment(seals) }
  }

  @Test func cardDataWithAnotherKeywordIsRejected() throws {
    var keyword = vector["keyword"]
    keyword[0] ^= 1
    #expect(throws: SealError.paymentRejected) { try openPayment(try paymentSeals(vector), keyword: keyword) }
  }

  @Test func cardDataLongerThanTheLimitIsRejected() throws {
    let long = vector["payment"] + [UInt8](repeating: 0, count: SealSize.largestPayment)
    #expect(throws: SealError.paymentRejected) { try openPayment(try paymentSeals(vector), box: long) }
  }

  @Test func anAnswerToAnotherRequestIsRejected() throws {
    let seal = ReplySeal(keys: try keys(vector), method: "/countersign.v1.Checkout/SubmitPayment")
    let digest = try vector.bytes32("order_digest")
    let body = vector["payment_reply_body"]
    #expect(try seal.open(body, digest: digest, sequence: sequence) == vector["payment_answer"])
    #expect(throws: SealError.replyRejected) { try seal.open(body, digest: digest, sequence: sequence + 1) }
    #expect(throws: SealError.replyRejected) { try seal.open(body, digest: .zero, sequence: sequence) }
    #expect(throws: SealError.replyRejected) {
      try seal.open(Array(body.prefix(15)), digest: digest, sequence: sequence)
    }
  }

  @Test func anAnswerOfAnotherMethodIsRejected() throws {
    let seal = ReplySeal(keys: try keys(vector), method: "/countersign.v1.Checkout/GetPayment")
    let digest = try vector.bytes32("order_digest")
    #expect(throws: SealError.replyRejected) {
      try seal.open(vector["payment_reply_body"], digest: digest, sequence: sequence)
    }
  }

  @Test func anIdentityForAnotherProofIsRejected() throws {
    var proof = vector["identity_proof"]
    proof[31] ^= 1
    #expect(throws: SealError.identityRejected) {
      try SecondIdentity.open(
        box: vector["identity_box"], nonce: vector["identity_nonce"], session: try vector.bytes16("session"),
        proof: proof, keys: try keys(vector))
    }
  }

  @Test func twoIdentitiesOfOneSessionDiffer() throws {
    let session = try vector.bytes16("session")
    let first = SecondIdentity.make(session: session, consultant: 1, certificate: .zero)
    let second = SecondIdentity.make(session: session, consultant: 1, certificate: .zero)
    #expect(first.copied != second.copied)
  }

  private func openKeyword(_ keyword: [UInt8], order: [UInt8], sequence: UInt64? = nil) throws -> [UInt8] {
    let seals = try paymentSeals(vector)
    var output = [UInt8](repeating: 0, count: SealSize.identityAndMAC)
    try output.withUnsafeMutableBytes { output in
      try keyword.withUnsafeBytes { keyword in
        try order.withUnsafeBytes { order in
          try seals.openKeyword(keyword, order: order, sequence: sequence ?? self.sequence, into: output)
        }
      }
    }
    return output
  }

  private func openPayment(_ seals: PaymentSeals, keyword: [UInt8]? = nil, box: [UInt8]? = nil) throws {
    let box = box ?? vector["payment"]
    var output = [UInt8](repeating: 0, count: max(0, box.count - SealSize.tag))
    try output.withUnsafeMutableBytes { output in
      try box.withUnsafeBytes { box in
        try (keyword ?? vector["keyword"]).withUnsafeBytes { keyword in
          try vector["order"].withUnsafeBytes { order in
            try seals.openPayment(box, order: order, keyword: keyword, sequence: sequence, into: output)
          }
        }
      }
    }
  }
}
