import Bytes
import Cryptography
import Payments
import Seals

/// Encrypts card numbers for the database, and opens them for reversals. One for each thread; nothing is allocated per
/// payment.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.5.1.
final class CardVault: CardOpener {
  private let ring: VaultKeyRing
  private var version: UInt32
  private var data: AES256GCM
  /// Of former versions, made when a card needs one.
  private var former: [UInt32: AES256GCM] = [:]
  private let fingerprint: HMACSHA256Key
  private var associated = Pack("countersign/1 card")
  /// Random bytes fetched for many nonces at once.
  private var randomness: [UInt8] = []
  private var used = 0

  init(ring: VaultKeyRing) {
    self.ring = ring
    version = ring.version
    guard let key = ring.key(version) else { preconditionFailure("the ring lacks its present data key") }
    data = AES256GCM(key: key)
    fingerprint = HMACSHA256Key(ring.fingerprint)
  }

  /// Seals the PAN for one payment: associated data pack("countersign/1 card", idempotency key, u64 company), so that
  /// no row's card can be moved to another row.
  func seal(_ card: CardSecrets, key: Bytes16, company: Int64) -> StoredCard {
    useNewKey()
    var stored = StoredCard(
      fingerprint: Bytes16(high: 0, low: 0), expiry: UInt32(card.expiryYear) * 100 + UInt32(card.expiryMonth),
      keyVersion: version, box: .init(repeating: 0), firstSix: digits(card, 0..<6),
      lastFour: digits(card, Int(card.panLength) - 4..<Int(card.panLength)), length: card.panLength)
    withUnsafeBytes(of: card.pan) { pan in
      stored.fingerprint = fingerprint.authenticate(UnsafeRawBufferPointer(rebasing: pan[..<Int(card.panLength)])).first
      seal(pan, key: key, company: company, into: &stored.box)
    }
    return stored
  }

  /// PAN and expiry of a stored card; nil where its seal does not open.
  func open(_ sale: StoredSale) -> CardSecrets? {
    var card = CardSecrets.empty
    let isOpened = withUnsafeMutableBytes(of: &card.pan) { pan in
      open(sale.card.box, version: sale.card.keyVersion, key: sale.key, company: sale.company, into: pan)
    }
    guard isOpened else { return nil }
    card.panLength = min(sale.card.length, 19)
    card.expiryYear = UInt16(truncatingIfNeeded: sale.card.expiry / 100)
    card.expiryMonth = UInt8(truncatingIfNeeded: sale.card.expiry % 100)
    return card
  }

  /// The same card under the present data key; nil where its seal does not open.
  func reseal(_ card: SealedCard) -> SealedCard? {
    useNewKey()
    var resealed = card
    var pan = InlineArray<19, UInt8>(repeating: 0)
    let isOpened = withUnsafeMutableBytes(of: &pan) { pan in
      defer { pan.erase() }
      guard open(card.box, version: card.keyVersion, key: card.key, company: card.company, into: pan) else {
        return false
      }
      seal(UnsafeRawBufferPointer(pan), key: card.key, company: card.company, into: &resealed.box)
      return true
    }
    guard isOpened else { return nil }
    resealed.keyVersion = version
    return resealed
  }

  // MARK: - Boxes

  private func seal(
    _ pan: UnsafeRawBufferPointer, key: Bytes16, company: Int64, into box: inout InlineArray<47, UInt8>
  ) {
    bind(key, company)
    withUnsafeMutableBytes(of: &box) { box in
      takeNonce(into: UnsafeMutableRawBufferPointer(rebasing: box[..<12]))
      associated.bytes.withUnsafeBytes { aad in
        data.seal(
          nonce: UnsafeRawBufferPointer(rebasing: box[..<12]), aad: aad, plaintext: pan,
          into: UnsafeMutableRawBufferPointer(rebasing: box[12...]))
      }
    }
  }

  private func open(
    _ box: InlineArray<47, UInt8>, version: UInt32, key: Bytes16, company: Int64,
    into pan: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let cipher = cipher(version) else { return false }
    bind(key, company)
    return withUnsafeBytes(of: box) { box in
      associated.bytes.withUnsafeBytes { aad in
        cipher.open(
          nonce: UnsafeRawBufferPointer(rebasing: box[..<12]), aad: aad,
          box: UnsafeRawBufferPointer(rebasing: box[12...]), into: pan)
      }
    }
  }

  private func bind(_ key: Bytes16, _ company: Int64) {
    associated.restart("countersign/1 card")
    associated.append(key)
    associated.append(UInt64(bitPattern: company))
  }

  // MARK: - Keys

  private func useNewKey() {
    guard ring.version != version else { return }
    former[version] = data
    version = ring.version
    guard let key = ring.key(version) else { preconditionFailure("the ring lacks its present data key") }
    data = AES256GCM(key: key)
  }

  private func cipher(_ asked: UInt32) -> AES256GCM? {
    if asked == version { return data }
    if let known = former[asked] { return known }
    guard let key = ring.key(asked) else { return nil }
    let cipher = AES256GCM(key: key)
    former[asked] = cipher
    return cipher
  }

  private func digits(_ card: CardSecrets, _ range: Range<Int>) -> UInt32 {
    var value: UInt32 = 0
    for index in range { value = value * 10 + UInt32(card.pan[index] & 15) }
    return value
  }

  private func takeNonce(into output: UnsafeMutableRawBufferPointer) {
    if used == randomness.count {
      randomness = randomBytes(12 * 256)
      used = 0
    }
    randomness.withUnsafeBytes { output.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[used..<used + 12])) }
    used += 12
  }
}
