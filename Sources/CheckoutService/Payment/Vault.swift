import Bytes
import Cryptography
import Files
import Payments
import Seals

/// Keys of the card vault: the data key wrapped by a key-encryption key that lies outside the database, and the
/// fingerprint key wrapped likewise.
///
/// `vault/kek.key` is 32 random bytes; `vault/data-V.key` and `vault/fingerprint.key` are nonce (12), AES-256-GCM of
/// 32 bytes (32), tag (16), associated data pack("countersign/1 vault", file name).
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.6 and 3.7.
struct VaultKeys: Sendable {
  static let version: UInt32 = 1

  let data: SecretBytes
  let fingerprint: SecretBytes

  /// Makes all keys of a new folder.
  static func make(in folder: DataFolder) throws {
    let wrapping = randomBytes(32)
    try Files.write(wrapping, to: folder.file("vault/kek.key"))
    for name in ["data-\(version).key", "fingerprint.key"] {
      let nonce = randomBytes(12)
      let box = AES256GCM(key: SecretBytes(copying: wrapping))
        .seal(nonce: nonce, aad: associatedData(name), plaintext: randomBytes(32))
      try Files.write(nonce + box, to: folder.file("vault/\(name)"))
    }
  }

  init(reading folder: DataFolder) throws {
    let wrapping = SecretBytes(copying: try Files.readSecret(folder.file("vault/kek.key")))
    guard wrapping.count == 32 else {
      throw FileError(path: folder.file("vault/kek.key"), doing: "use", cause: "must be 32 bytes")
    }
    data = try Self.unwrap("data-\(Self.version).key", wrapping, folder)
    fingerprint = try Self.unwrap("fingerprint.key", wrapping, folder)
  }

  private static func unwrap(_ name: String, _ wrapping: SecretBytes, _ folder: DataFolder) throws -> SecretBytes {
    let path = folder.file("vault/\(name)")
    let wrapped = try Files.readSecret(path)
    guard wrapped.count == 60,
      let key = AES256GCM(key: wrapping)
        .open(nonce: Array(wrapped[..<12]), aad: associatedData(name), box: Array(wrapped[12...]))
    else { throw FileError(path: path, doing: "open", cause: "it is not wrapped under vault/kek.key") }
    return key
  }

  private static func associatedData(_ name: String) -> [UInt8] {
    Pack("countersign/1 vault", Array(name.utf8)).bytes
  }
}

extension VaultKeys {
  /// What a stored card is found by: the first 16 bytes of HMAC-SHA256 over the whole PAN.
  func fingerprint(of pan: UnsafeRawBufferPointer) -> Bytes16 {
    HMACSHA256.authenticate(pan, key: fingerprint).first
  }
}

/// Encrypts card numbers for the database, and opens them for reversals. One for each thread; nothing is allocated per
/// payment.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.5.1.
final class CardVault: CardOpener {
  private let data: AES256GCM
  private let fingerprint: HMACSHA256Key
  private var associated = Pack("countersign/1 card")
  /// Random bytes fetched for many nonces at once.
  private var randomness: [UInt8] = []
  private var used = 0

  init(keys: VaultKeys) {
    data = AES256GCM(key: keys.data)
    fingerprint = HMACSHA256Key(keys.fingerprint)
  }

  /// Seals the PAN for one payment: associated data pack("countersign/1 card", idempotency key, u64 company), so that
  /// no row's card can be moved to another row.
  func seal(_ card: CardSecrets, key: Bytes16, company: Int64) -> StoredCard {
    var stored = StoredCard(
      fingerprint: Bytes16(high: 0, low: 0), expiry: UInt32(card.expiryYear) * 100 + UInt32(card.expiryMonth),
      keyVersion: VaultKeys.version, box: .init(repeating: 0), firstSix: digits(card, 0..<6),
      lastFour: digits(card, Int(card.panLength) - 4..<Int(card.panLength)), length: card.panLength)
    associated.restart("countersign/1 card")
    associated.append(key)
    associated.append(UInt64(bitPattern: company))
    withUnsafeBytes(of: card.pan) { pan in
      stored.fingerprint = fingerprint.authenticate(UnsafeRawBufferPointer(rebasing: pan[..<Int(card.panLength)])).first
      withUnsafeMutableBytes(of: &stored.box) { box in
        takeNonce(into: UnsafeMutableRawBufferPointer(rebasing: box[..<12]))
        associated.bytes.withUnsafeBytes { aad in
          data.seal(
            nonce: UnsafeRawBufferPointer(rebasing: box[..<12]), aad: aad, plaintext: pan,
            into: UnsafeMutableRawBufferPointer(rebasing: box[12...]))
        }
      }
    }
    return stored
  }

  /// PAN and expiry of a stored card; nil where its seal does not open.
  func open(_ sale: StoredSale) -> CardSecrets? {
    guard sale.card.keyVersion == VaultKeys.version else { return nil }
    associated.restart("countersign/1 card")
    associated.append(sale.key)
    associated.append(UInt64(bitPattern: sale.company))
    var card = CardSecrets.empty
    let isOpened = withUnsafeBytes(of: sale.card.box) { box in
      withUnsafeMutableBytes(of: &card.pan) { pan in
        associated.bytes.withUnsafeBytes { aad in
          data.open(
            nonce: UnsafeRawBufferPointer(rebasing: box[..<12]), aad: aad,
            box: UnsafeRawBufferPointer(rebasing: box[12...]), into: pan)
        }
      }
    }
    guard isOpened else { return nil }
    card.panLength = min(sale.card.length, 19)
    card.expiryYear = UInt16(truncatingIfNeeded: sale.card.expiry / 100)
    card.expiryMonth = UInt8(truncatingIfNeeded: sale.card.expiry % 100)
    return card
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
