import Cryptography
import Files
import Glibc
import Seals

/// Keys of the card vault as files: data keys and the fingerprint key, wrapped by a key-encryption key that lies outside
/// the database.
///
/// `vault/kek.key` is a ``WrappingKey``; `vault/data-V.key`, V rising from 1, and `vault/fingerprint-1.key` are nonce (12),
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
  static func make(in folder: DataFolder, under wrapping: WrappingKey) throws {
    try Files.write(wrapping.file, to: folder.file(Self.wrapping))
    for name in [dataName(1), fingerprintName] {
      try wrap(SecretBytes(copying: randomBytes(32)), name, under: wrapping.key, folder)
    }
  }

  /// - Parameter pin: of the token that holds the key-encryption key; here as below.
  /// - Throws: `FileError` that names the file, ``SetupError/lacking(_:_:)``.
  init(reading folder: DataFolder, pin: SecretBytes? = nil) throws {
    let wrapping = try Self.wrappingKeys(folder, pin)
    data = [:]
    for version in try Self.versions(folder) {
      data[version] = try Self.unwrap(Self.dataName(version), wrapping, folder)
    }
    guard !data.isEmpty else {
      throw SetupError.lacking(folder.file("vault/data-1.key"), Self.advice)
    }
    fingerprint = try Self.unwrap(Self.fingerprintName, wrapping, folder)
  }

  mutating func add(_ key: SecretBytes, version: UInt32) { data[version] = key }

  /// Makes the next data key; durable when this returns.
  ///
  /// - Returns: its version.
  static func addDataKey(
    in folder: DataFolder, pin: SecretBytes? = nil
  ) throws -> (version: UInt32, key: SecretBytes) {
    try locked(folder) {
      try finishRewrap(folder, pin)
      let version = (try versions(folder).max() ?? 0) + 1
      let key = SecretBytes(copying: randomBytes(32))
      let wrapping = try wrappingKeys(folder, pin)
      try wrap(key, dataName(version), under: wrapping[0], folder)
      return (version, key)
    }
  }

  /// Wraps all keys under a new key-encryption key and destroys the former one. Cut off anywhere, everything can still
  /// be opened, and the next call or start goes on.
  ///
  /// - Parameter next: the new key-encryption key; nil: one where the present one is.
  /// - Returns: how many keys were wrapped.
  static func rewrap(in folder: DataFolder, under next: WrappingKey? = nil, pin: SecretBytes? = nil) throws -> Int {
    try locked(folder) {
      try finishRewrap(folder, pin)
      let next = try next ?? WrappingKey.make(at: place(in: folder), pin: pin)
      try Files.write(next.file, to: folder.file(nextWrapping))
      return try finishRewrap(folder, pin)
    }
  }

  /// Ends a change of the key-encryption key that was cut off.
  static func recover(in folder: DataFolder, pin: SecretBytes? = nil) throws {
    _ = try locked(folder) { try finishRewrap(folder, pin) }
  }

  /// Where the key-encryption key is: "file", or its PKCS#11 URI.
  static func place(in folder: DataFolder) throws -> String { try WrappingKey.place(folder.file(wrapping)) }

  @discardableResult
  private static func finishRewrap(_ folder: DataFolder, _ pin: SecretBytes?) throws -> Int {
    guard Files.exists(folder.file(nextWrapping)) else { return 0 }
    let next = try WrappingKey.read(folder.file(nextWrapping), pin: pin).key
    let keys = try wrappingKeys(folder, pin)
    let names = try versions(folder).map(dataName) + [fingerprintName]
    for name in names { try wrap(try unwrap(name, keys, folder), name, under: next, folder) }
    try Files.destroy(folder.file(wrapping))
    try Files.rename(folder.file(nextWrapping), to: folder.file(wrapping))
    return names.count
  }

  // MARK: - Files

  /// - Throws: ``SetupError/lacking(_:_:)`` where there is no key-encryption key.
  static func checkThere(in folder: DataFolder) throws {
    guard ![wrapping, nextWrapping].contains(where: { Files.exists(folder.file($0)) }) else { return }
    let missing = Files.exists(folder.file("vault")) ? wrapping : "vault"
    throw SetupError.lacking(folder.file(missing), advice)
  }

  private static let advice =
    "put back the copy of vault/ that belongs to this ledger: nothing else opens the stored cards"

  /// The present key-encryption key first, then the one that is to follow it, as far as they are there.
  private static func wrappingKeys(_ folder: DataFolder, _ pin: SecretBytes?) throws -> [SecretBytes] {
    try checkThere(in: folder)
    let names = [wrapping, nextWrapping].filter { Files.exists(folder.file($0)) }
    return try names.map { try WrappingKey.read(folder.file($0), pin: pin).key }
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
    let wrapped = try Files.readPart(path, isSecret: true, orElse: advice)
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
    try checkThere(in: folder)
    let path = folder.file("vault/lock")
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw FileError(path: path, doing: "write", code: errno) }
    defer { close(file) }
    guard flock(file, LOCK_EX) == 0 else { throw FileError(path: path, doing: "lock", code: errno) }
    return try body()
  }
}
