import Payments
import Testing

@Suite struct PaymentBatchTests {
  @Test func eachIntentOfAFullBatchKeepsItsReferenceAndTheStorageStays() throws {
    let batch = PaymentBatch(loop: 3)
    let storage = batch.intents.withUnsafeBufferPointer(\.baseAddress)
    for number in 0..<PaymentBatch.capacity {
      try Array("A-\(number)".utf8).withUnsafeBytes { batch.append(try intent(reply: token(number)), reference: $0) }
    }
    #expect(batch.intents.withUnsafeBufferPointer(\.baseAddress) == storage)
    for (number, intent) in batch.intents.enumerated() {
      let range = Int(intent.reference.start)..<Int(intent.reference.start + intent.reference.count)
      #expect(String(decoding: batch.bytes[range], as: UTF8.self) == "A-\(number)")
      #expect(intent.reply == token(number))
      #expect(intent.secrets.panLength == 16)
    }
  }

  @Test func aBatchIsFullAtItsCapacityAndNotWhenErased() throws {
    let batch = PaymentBatch(loop: 0)
    for number in 0..<PaymentBatch.capacity {
      #expect(!batch.isFull)
      batch.append(try intent(reply: token(number)), reference: .init(start: nil, count: 0))
    }
    #expect(batch.isFull)
    batch.erase()
    #expect(!batch.isFull)
  }

  @Test func erasedSecretsAreZeroAndTheRestStays() throws {
    let batch = PaymentBatch(loop: 0)
    for number in 0..<3 { batch.append(try intent(reply: token(number)), reference: .init(start: nil, count: 0)) }
    batch.eraseSecrets()
    #expect(batch.intents.map(\.reply) == (0..<3).map(token))
    for intent in batch.intents {
      withUnsafeBytes(of: intent.secrets) { bytes in #expect(bytes.allSatisfy { $0 == 0 }) }
    }
  }

  /// What `erase` leaves in the storage that it keeps.
  @Test func nothingSecretStaysInAnErasedBatch() throws {
    let batch = PaymentBatch(loop: 0)
    for number in 0..<3 { batch.append(try intent(reply: token(number)), reference: .init(start: nil, count: 0)) }
    let storage = batch.intents.withUnsafeBytes { UnsafeRawBufferPointer($0) }
    batch.erase()
    #expect(batch.intents.isEmpty && batch.answers.isEmpty && batch.bytes.isEmpty)
    let number = Array("4111111111111111".utf8)
    for start in 0..<storage.count - number.count {
      #expect(!storage[start..<start + number.count].elementsEqual(number))
    }
  }

  private func token(_ number: Int) -> ReplyToken { ReplyToken(loop: 0, slot: UInt32(number), generation: 1) }
}
