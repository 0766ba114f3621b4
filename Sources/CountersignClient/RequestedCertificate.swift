import Cryptography
import Files

/// A key that a certificate is asked for, and the two new files that key and certificate go to.
///
/// The key is durable in `KEY.asking`, with the holder it is for, before anything is asked, and stays there until both
/// files are in place. So the same command ends one that was cut off anywhere; a command for another holder leaves the
/// key alone; and one command at a time holds it.
public final class RequestedCertificate: Sendable {
  /// PKCS#10, DER.
  public let request: [UInt8]
  private let holder: String
  private let certificate: String
  private let keyPath: String
  private let key: PrivateKey
  private let asking: HeldFile
  /// Whether no earlier command made the key: it has no certificate then but one that this command brings.
  private let isNew: Bool

  private static let suffix = ".asking"

  /// Makes the key and its request, or takes the key that the same command left.
  ///
  /// - Parameters:
  ///   - name: of the holder, on one line.
  ///   - kind: what the holder is, for example "company".
  ///   - certificate: path of the certificate's new file.
  ///   - key: path of the key's new file.
  /// - Throws: ``TerminalError/folder(_:)`` for paths that do not go together, `FileError`.
  public init(for name: String, _ kind: String, certificate: String, key keyPath: String) throws {
    (holder, self.certificate, self.keyPath) = ("\(kind) \(name)", certificate, keyPath)
    try Self.check(certificate, keyPath)
    let left = keyPath + Self.suffix
    // Nothing is made beside files that were there before.
    if try !Files.isThere(left) {
      try Self.checkUnfinished(certificate, keyPath)
      try Self.checkNone([keyPath, certificate])
    }
    asking = try HeldFile(left)
    let kept = try asking.contents()
    isNew = kept.isEmpty
    if isNew {
      // Whoever held it meanwhile may have put them in place.
      do {
        try Self.checkNone([keyPath, certificate])
      } catch {
        try asking.destroy()
        throw error
      }
      key = PrivateKey.generate(.p256)
      try asking.fill(with: Array("\(Self.head)\(holder)\n".utf8) + (try key.pem(passphrase: nil)))
    } else {
      key = try Self.key(in: kept, of: left, for: holder)
      try Self.checkOwn(key, certificate, keyPath)
    }
    request = try CertificateRequest.make(key: key, commonName: name, organisation: name)
  }

  /// Why two files cannot be named together; nil where they can.
  public static func fault(certificate: String, key: String) -> String? {
    for (option, file) in [("--certificate", certificate), ("--key", key)] where file.isEmpty || file.hasSuffix("/") {
      return "\(option) \"\(file)\": name a file"
    }
    if let file = [certificate, key].first(where: { $0.hasSuffix(suffix) }) {
      return "\(file): a name that ends with \(suffix) is of a key that a certificate is asked for; name another file"
    }
    return Files.isSame(certificate, key) ? "\(certificate) cannot hold both certificate and key; name two files" : nil
  }

  /// Asks for the certificate.
  ///
  /// A key that the service took nothing for is removed, but not one that an earlier command left, which may have a
  /// certificate; after any other error it is kept for the same command again.
  ///
  /// - Parameters:
  ///   - hint: what may be so where the name is taken, and how people see it.
  ///   - send: sends ``request``.
  /// - Throws: what `send` throws; where the name is taken, with what that says of a key that an earlier command left.
  public func ask<Reply>(whereTaken hint: String, _ send: () async throws -> Reply) async throws -> Reply {
    do {
      return try await send()
    } catch TerminalError.refused(var status) where !isNew && status.reason == "NAME_TAKEN" {
      // A key that is registered under the name gets the answer that it got at first.
      status.text +=
        "; not with the key in \(asking.path), which an earlier command left; \(hint); move that file away and register "
        + "under another name"
      throw TerminalError.refused(status)
    } catch let error as TerminalError where isNew && error.isWithoutEffect {
      try asking.destroy()
      throw error
    }
  }

  /// Puts certificate and key in place.
  ///
  /// - Parameter chain: what came back, DER, leaf first.
  /// - Throws: `FileError` that says how to end it: the holder is registered.
  public func finish(chain: [[UInt8]]) throws {
    let pem = try chain.flatMap { try Certificate(der: $0).pem }
    do {
      if try !Files.isThere(certificate) { try Files.make(pem, at: certificate, mode: 0o644) }
      if try !Files.isThere(keyPath) { try Files.make(try key.pem(passphrase: nil), at: keyPath, mode: 0o600) }
      try Self.checkOwn(key, certificate, keyPath)
      try asking.remove()
    } catch let error as FileError {
      throw FileError(
        error, besides: "\(holder) is registered, its key is in \(asking.path), and the same command again finishes it")
    }
  }

  private static let head = "for: "

  private static func check(_ certificate: String, _ key: String) throws {
    if let fault = fault(certificate: certificate, key: key) { throw TerminalError.folder(fault) }
    for file in [key, certificate] { try Files.checkReplaceable(file) }
    try Files.checkMakeable(certificate)
  }

  /// A command that was cut off after its last step has left nothing to finish, which its repetition tells.
  private static func checkUnfinished(_ certificate: String, _ keyPath: String) throws(FileError) {
    guard let leaf = try? Certificate.fromPEM(Files.read(certificate)).first,
      let key = try? PrivateKey(pem: Files.readSecret(keyPath), passphrase: nil), leaf.publicKey == key.publicKey
    else { return }
    throw FileError(
      existing: keyPath,
      "it is the key of \(certificate): where the same command was cut off, it had finished; else name other files")
  }

  private static func checkNone(_ files: [String]) throws(FileError) {
    for file in files where try Files.isThere(file) { throw FileError(existing: file) }
  }

  /// What stands in place already must be what an earlier command put there.
  private static func checkOwn(_ key: PrivateKey, _ certificate: String, _ keyPath: String) throws {
    if try Files.isThere(certificate) {
      let leaf = try? Certificate.fromPEM(Files.read(certificate)).first
      guard leaf?.publicKey == key.publicKey else {
        throw FileError(existing: certificate, "it is not of this key; move it away")
      }
    }
    if try Files.isThere(keyPath) {
      let placed = try? PrivateKey(pem: Files.readSecret(keyPath), passphrase: nil)
      guard placed?.publicKey == key.publicKey else {
        throw FileError(existing: keyPath, "it is another key; move it away")
      }
    }
  }

  private static func key(in bytes: [UInt8], of path: String, for holder: String) throws -> PrivateKey {
    let line = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    guard line.hasPrefix(head), let key = try? PrivateKey(pem: bytes, passphrase: nil) else {
      throw FileError(
        path: path, doing: "read",
        cause: "it holds no whole key with its holder; a command that was cut off while it wrote it has asked for "
          + "nothing, so move it away and give the command again")
    }
    // Bytes tell names apart, as in the register.
    guard line.utf8.elementsEqual((head + holder).utf8) else {
      throw FileError(
        path: path, doing: "use",
        cause: "it is the key of \(line.dropFirst(head.count)), whose command was cut off: give that command again, or "
          + "name another file")
    }
    return key
  }
}
