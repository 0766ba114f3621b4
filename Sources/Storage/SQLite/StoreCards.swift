import CSQLite
import Payments

extension SQLiteStore {
  public func cards(after number: Int64, limit: Int) throws(StoreError) -> [SealedCard] {
    let find = try database.prepare(
      "SELECT seq, key, company, key_version, card FROM payment WHERE seq > ?1 ORDER BY seq LIMIT ?2")
    find.bind(1, number)
    find.bind(2, Int64(limit))
    return try find.all(SealedCard.init(row:))
  }

  public func setCard(_ card: SealedCard) throws(StoreError) {
    let update = statements.setCard
    update.bind(1, card.payment)
    update.bind(2, Int64(card.keyVersion))
    let code = withUnsafeBytes(of: card.box) { box in
      Result<Int32, StoreError> { () throws(StoreError) in
        update.bind(3, keeping: box)
        return try update.run()
      }
    }
    _ = try code.get()
  }

  public func lastPayment() throws(StoreError) -> Int64 {
    try database.number("SELECT coalesce(max(seq), 0) FROM payment")
  }

  public func rotation() throws(StoreError) -> KeyRotation? {
    try database.prepare("SELECT key_version, position, cards, finished FROM rotation").first { row in
      KeyRotation(
        keyVersion: UInt32(truncatingIfNeeded: row.int(0)), position: row.int(1), cards: row.int(2),
        isFinished: row.int(3) != 0)
    }
  }

  public func setRotation(_ rotation: KeyRotation) throws(StoreError) {
    let set = try database.prepare("INSERT OR REPLACE INTO rotation VALUES (1, ?1, ?2, ?3, ?4)")
    set.bind(1, Int64(rotation.keyVersion))
    set.bind(2, rotation.position)
    set.bind(3, rotation.cards)
    set.bind(4, Int64(rotation.isFinished ? 1 : 0))
    _ = try set.run()
  }
}

extension SealedCard {
  /// Reads seq, key, company, key_version, card.
  fileprivate init(row: Statement) {
    var box = InlineArray<47, UInt8>(repeating: 0)
    let bytes = row.buffer(4)
    for index in 0..<min(bytes.count, 47) { box[index] = bytes[index] }
    self.init(
      payment: row.int(0), key: row.bytes16(1), company: row.int(2), keyVersion: UInt32(truncatingIfNeeded: row.int(3)),
      box: box)
  }
}
