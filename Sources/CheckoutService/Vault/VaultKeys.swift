import Cryptography
import Files
import Glibc
import Seals

/// Keys of the card vault as files: data keys and the fingerprint key, wrapped by a key-encryption key that lies outside
/// the database.
///
/// `vault/kek.key` is 32 random bytes; `vault/data-V.key`, V rising from 1, and `vault/fingerprint-1.key` are nonce (12),
/// AES-256-GCM of 32 bytes (32), tag (16), associated data pack("countersign/1 vault", file name). While the
/// key-encryption key is changed, `vault/kek-next.key` lies beside the former one, and each key is wrapped by one of
/// the two.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.6 and 3.7.
struct VaultKeys: Sendable {
  /// Data keys by version.
  private(set) var data: [UInt32: SecretBytes]
  let fingerprint: SecretBytes

  /// Version that new cards are sealed under.
  var version: UInt32 { data.keys.max() ?? 0 }

  private static let wrapping = "vault/kek.key"
  private static let nextWrapping = "vault/kek-next.key"
  private static let fingerprintName = "fingerprint-1.key"

  /// Makes all keys of a new folder.
  static func make(in folder: DataFolder) throws {
    let wrapping = randomBytes(32)
    try Files.write(wrapping, to: folder.file(Self.wrapping))
    let key = SecretBytes(copying: wrapping)
    for name in [dataName(1), fingerprintName] {
      try wrap(SecretBytes(copying: randomBytes(32)), name, under: key, folder)
    }
  }

  /// - Throws: `FileError` that names the file.
  init(reading folder: DataFolder) throws {
    let wrapping = try Self.wrappingKeys(folder)
    data = [:]
    for version in try Self.versions(folder) {
      data[version] = try Self.unwrap(Self.dataName(version), wrapping, folder)
    }
    guard !data.isEmpty else {
      throw FileError(path: folder.file("vault"), doing: "use", cause: "it holds no data-V.key; restore it from a copy")
    }
    fingerprint = try Self.unwrap(Self.fingerprintName, wrapping, folder)
  }

  mutating func add(_ key: SecretBytes, version: UInt32) { data[version] = key }

  /// Makes the next data key; durable when this returns.
  ///
  /// - Returns: its version.
  static func addDataKey(in folder: DataFolder) throws -> (version: UInt32, key: SecretBytes) {
    try locked(folder) {
      try finishRewrap(folder)
      let version = (try versions(folder).max() ?? 0) + 1
      let key = SecretBytes(copying: randomBytes(32))
      let wrapping = try wrappingKeys(folder)
      try wrap(key, dataName(version), under: wrapping[0], folder)
      return (version, key)
    }
  }

  /// Wraps all keys under a new key-encryption key and destroys the former one. Cut off anywhere, everything can still
  /// be opened, and the next call or start goes on.
  ///
  /// - Returns: how many keys were wrapped.
  static func rewrap(in folder: DataFolder) throws -> Int {
    try locked(folder) {
      try finishRewrap(folder)
      try Files.write(randomBytes(32), to: folder.file(nextWrapping))
      return try finishRewrap(folder)
    }
  }

  /// Ends a change of the key-encryption key that was cut off.
  static func recover(in folder: DataFolder) throws { _ = try locked(folder) { try finishRewrap(folder) } }

  @discardableResult
  private static func finishRewrap(_ folder: DataFolder) throws -> Int {
    guard Files.exists(folder.file(nextWrapping)) else { return 0 }
    let next = try wrappingKey(nextWrapping, folder)
    let keys = try wrappingKeys(folder)
    let names = try versions(folder).map(dataName) + [fingerprintName]
    for name in names { try wrap(try unwrap(name, keys, folder), name, under: next, folder) }
    try Files.destroy(folder.file(wrapping))
    try Files.rename(folder.file(nextWrapping), to: folder.file(wrapping))
    return names.count
  }

  // MARK: - Files

  /// The present key-encryption key first, then the one that is to follow it, as far as they are there.
  private static func wrappingKeys(_ folder: DataFolder) throws -> [SecretBytes] {
    let names = [wrapping, nextWrapping].filter { Files.exists(folder.file($0)) }
    return try (names.isEmpty ? [wrapping] : names).map { try wrappingKey($0, folder) }
  }

  private static func wrappingKey(_ name: String, _ folder: DataFolder) throws -> SecretBytes {
    let key = SecretBytes(copying: try Files.readSecret(folder.file(name)))
    guard key.count == 32 else { throw FileError(path: folder.file(name), doing: "use", cause: "must be 32 bytes") }
    return key
  }

  private static func versions(_ folder: DataFolder) throws -> [UInt32] {
    try Files.names(in: folder.file("vault")).compactMap { name in
      guard name.hasPrefix("data-"), name.hasSuffix(".key") else { return nil }
      return UInt32(name.dropFirst(5).dropLast(4)).flatMap { $0 > 0 && dataName($0) == name ? $0 : nil }
    }
  }

  private static func dataName(_ version: UInt32) -> String { "data-\(version).key" }

  private static func wrap(_ key: SecretBytes, _ name: String, under wrapping: SecretBytes, _ folder: DataFolder) throws
  {
    let nonce = randomBytes(12)
    var plain = key.withUnsafeBytes { [UInt8]($0) }
    defer { plain.withUnsafeMutableBytes { $0.erase() } }
    let box = AES256GCM(key: wrapping).seal(nonce: nonce, aad: associatedData(name), plaintext: plain)
    try Files.write(nonce + box, to: folder.file("vault/\(name)"))
  }

  private static func unwrap(_ name: String, _ wrapping: [SecretBytes], _ folder: DataFolder) throws -> SecretBytes {
    let path = folder.file("vault/\(name)")
    let wrapped = try Files.readSecret(path)
    if wrapped.count == 60 {
      for key in wrapping {
        let opened = AES256GCM(key: key)
          .open(nonce: Array(wrapped[..<12]), aad: associatedData(name), box: Array(wrapped[12...]))
        if let opened { return opened }
      }
    }
    throw FileError(path: path, doing: "open", cause: "it is not wrapped under vault/kek.key")
  }

  private static func associatedData(_ name: String) -> [UInt8] {
    Pack("countersign/1 vault", Array(name.utf8)).bytes
  }

  /// One change of the files at a time, whichever process makes it.
  private static func locked<R>(_ folder: DataFolder, _ body: () throws -> R) throws -> R {
    let path = folder.file("vault/lock")
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FileError(path: path, doing: "write", code: errno) }
    defer { close(file) }
    guard flock(file, LOCK_EX) == 0 else { throw FileError(path: path, doing: "lock", code: errno) }
    return try body()
  }
}
