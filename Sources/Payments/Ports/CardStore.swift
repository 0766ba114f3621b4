import Bytes

/// Stored cards and how far a rotation of their data key is, as the writer's thread sees them. Nothing here is a record
/// of the journal: a payment's leaf leaves card ciphertext and key version out.
public protocol CardStore: AnyObject {
  /// Cards of payments with a higher number, by number, whatever their key version.
  func cards(after number: Int64, limit: Int) throws(StoreError) -> [SealedCard]
  /// Puts a card's box and key version in the place of the former ones.
  func setCard(_ card: SealedCard) throws(StoreError)
  /// Number of the last payment; 0 where there is none.
  func lastPayment() throws(StoreError) -> Int64
  /// The present rotation, or the last one; nil before the first.
  func rotation() throws(StoreError) -> KeyRotation?
  func setRotation(_ rotation: KeyRotation) throws(StoreError)
}

/// A card as a payment's row keeps it, with what binds it to the row.
public struct SealedCard: Sendable, BitwiseCopyable {
  public var payment: Int64
  public var key: Bytes16
  public var company: Int64
  public var keyVersion: UInt32
  /// See ``StoredCard/box``.
  public var box: InlineArray<47, UInt8>

  public init(payment: Int64, key: Bytes16, company: Int64, keyVersion: UInt32, box: InlineArray<47, UInt8>) {
    self.payment = payment
    self.key = key
    self.company = company
    self.keyVersion = keyVersion
    self.box = box
  }
}

/// How far the cards are sealed again under a data key.
public struct KeyRotation: Sendable, Equatable {
  /// Version of the data key that all cards are to be sealed under.
  public var keyVersion: UInt32
  /// Cards of payments up to this number are done.
  public var position: Int64
  /// Cards sealed again.
  public var cards: Int64
  public var isFinished: Bool

  public init(keyVersion: UInt32, position: Int64 = 0, cards: Int64 = 0, isFinished: Bool = false) {
    self.keyVersion = keyVersion
    self.position = position
    self.cards = cards
    self.isFinished = isFinished
  }
}
