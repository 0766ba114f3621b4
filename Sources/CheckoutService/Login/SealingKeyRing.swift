import Bytes
import Cryptography
import Messages
import Seals
import Synchronization

/// The service's X25519 sealing keys: one is offered, former ones still open what was sealed to them.
///
/// A key is offered for 24 hours and good for terminals one hour longer; its private half is destroyed 13 hours after
/// it was last offered, when no session that needs it can live any more.
///
/// Source: docs/security.md, "Who holds what".
final class SealingKeyRing: Sendable {
  struct Entry: Sendable {
    let id: [UInt8]
    let key: X25519PrivateKey
    /// As terminals get it.
    let signed: SignedSealingKey
    /// Milliseconds since 1970-01-01T00:00:00Z.
    let notBefore: Int64
    let notAfter: Int64
  }

  static let offered: Int64 = 24 * 3_600_000
  static let overlap: Int64 = 3_600_000
  static let kept: Int64 = offered + 13 * 3_600_000

  private let entries: Mutex<[Entry]>
  private let folder: DataFolder
  private let preset: String

  /// Reads the keys of the data folder and makes a new one where none may be offered.
  init(folder: DataFolder, serviceName: String, now: Int64) throws {
    self.folder = folder
    preset = serviceName
    entries = Mutex(try folder.sealingKeys())
    try rotate(now: now)
  }

  /// The key to offer: the newest that terminals take now. Where the clock was set back, the last ones that were made are
  /// not valid yet.
  ///
  /// - Throws: what making a new key does, where none is valid.
  func current(now: Int64) throws -> Entry {
    if let valid = entries.withLock({ $0.last { ($0.notBefore...$0.notAfter).contains(now) } }) { return valid }
    return try rotate(now: now)
  }

  /// The key with this id while it is kept.
  func entry(id: [UInt8]) -> Entry? { entries.withLock { $0.first { $0.id == id } } }

  /// Makes a new key where the last one is a day old, and destroys those that no session needs.
  ///
  /// - Returns: the last key.
  @discardableResult
  func rotate(now: Int64) throws -> Entry {
    try entries.withLock { entries in
      for old in entries where now > old.notBefore + Self.kept { try folder.destroySealingKey(id: old.id) }
      entries.removeAll { now > $0.notBefore + Self.kept }
      if let last = entries.last, now < last.notBefore + Self.offered, now >= last.notBefore { return last }
      let entry = try make(now: now)
      try folder.store(entry)
      entries.append(entry)
      return entry
    }
  }

  private func make(now: Int64) throws -> Entry {
    let signer = try folder.sealingSigner()
    let key = X25519PrivateKey.generate()
    let id = randomBytes(8)
    var sealingKey = SealingKey()
    sealingKey.id = id
    sealingKey.publicKey = key.publicKey
    sealingKey.serviceName = preset
    sealingKey.notBeforeMs = UInt64(now)
    sealingKey.notAfterMs = UInt64(now + Self.offered + Self.overlap)
    var signed = SignedSealingKey()
    signed.sealingKey = sealingKey.encoded()
    signed.signature = try signer.key.sign(SigningInput.sealingKey(signed.sealingKey))
    signed.chain = signer.chain.dropLast().map(\.der)
    return Entry(
      id: id, key: key, signed: signed, notBefore: now, notAfter: now + Self.offered + Self.overlap)
  }
}

/// The certificate with role `sealing` and its key: signs sealing keys and profiles.
struct SealingSigner: Sendable {
  let key: PrivateKey
  /// Leaf first, root last.
  let chain: [Certificate]
}
