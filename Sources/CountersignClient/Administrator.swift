import Authority
import CountersignRPC
import Cryptography
import Files
import Messages
import TLS

/// An administrator's connection: certificate, key and the service's root, which stands last in the chain.
public struct Administrator: Sendable {
  private let chain: [Certificate]
  private let key: PrivateKey
  private let host: String
  private let port: UInt16

  /// - Parameters:
  ///   - certificate: path of a PEM file, leaf first, the service's root last.
  ///   - key: path of a PEM file with mode 0600.
  ///   - host: name or address of the service; the root decides whether it is the right one.
  /// - Throws: `FileError`, ``TerminalError/folder(_:)``, `CryptographyError`.
  public init(certificate: String, key keyPath: String, host: String, port: UInt16) throws {
    let advice = "put it back, or name another administrator's folder with --admin"
    chain = try Certificate.fromPEM(try Files.readPart(certificate, orElse: advice))
    key = try PrivateKey(pem: try Files.readPart(keyPath, isSecret: true, orElse: advice), passphrase: nil)
    guard let leaf = chain.first, chain.count > 1 else {
      throw TerminalError.folder("\(certificate) lacks the service's root, which must stand last")
    }
    guard leaf.publicKey == key.publicKey else {
      throw TerminalError.folder(
        "\(keyPath) is not the key of \(certificate); put the files in place that belong together")
    }
    self.host = host
    self.port = port
  }

  /// Connects, runs `body` with the generated client and closes.
  ///
  /// - Throws: ``TerminalError`` for a status, else what `body` throws.
  public func run<R: Sendable>(_ body: @Sendable (AdminClient) async throws -> R) async throws -> R {
    try await TerminalError.mapping { try await connected { try await body(AdminClient($0)) } }
  }

  /// The same for receipts and exports.
  ///
  /// - Throws: ``TerminalError`` for a status, else what `body` throws.
  public func audit<R: Sendable>(_ body: @Sendable (AuditClient) async throws -> R) async throws -> R {
    try await TerminalError.mapping { try await connected { try await body(AuditClient($0)) } }
  }

  func connected<R: Sendable>(_ body: @Sendable (RPCClient) async throws -> R) async throws -> R {
    guard let root = chain.last else { throw TerminalError.key("the administrator's chain is empty") }
    let channel = try RPCClient(
      host: host, port: port,
      tls: .client(
        verify: ServerVerification(rootFingerprint: root.fingerprint, dnsName: nil, role: .server), chain: chain,
        key: key))
    defer { channel.closeSoon() }
    return try await body(channel)
  }
}

/// A company's new key and certificate.
public enum CompanyFiles {
  /// Makes a key and its PKCS#10 request. The key is written to `PATH.asking` before anything is asked for, so that it
  /// cannot be lost; one that is there from a command that was cut off is used again.
  ///
  /// - Parameter certificate: where the chain will be written; tried before anything is asked for.
  public static func makeKey(at path: String, certificate: String, name: String) throws -> Request {
    for file in [path, certificate] where Files.exists(file) {
      throw FileError(path: file, doing: "make", cause: "it exists already; name another file")
    }
    guard path != certificate else {
      throw TerminalError.folder("\(path) cannot hold both certificate and key; name two files")
    }
    for file in [path, certificate] { try Files.checkWritable(file) }
    let asking = asking(path)
    let (key, isNew): (PrivateKey, Bool)
    if Files.exists(asking) {
      (key, isNew) = (try PrivateKey(pem: try Files.readSecret(asking), passphrase: nil), false)
    } else {
      (key, isNew) = (PrivateKey.generate(.p256), true)
      try Files.write(try key.pem(passphrase: nil), to: asking)
    }
    let der = try CertificateRequest.make(key: key, commonName: name, organisation: name)
    return Request(der: der, keyFile: isNew ? asking : nil)
  }

  /// What a certificate is asked for with.
  public struct Request {
    /// PKCS#10, DER.
    public let der: [UInt8]
    /// Where the key was made for this request alone.
    let keyFile: String?

    /// The service took nothing: removes the key, but not one that an earlier command left, which may have a certificate.
    public func withdraw() throws {
      if let keyFile { try Files.destroy(keyFile) }
    }
  }

  /// Makes a folder for an administrator's files, mode 0700, where there is none.
  public static func makeFolder(_ path: String) throws { try Files.makeFolder(path) }

  /// Writes the chain that came back as PEM, leaf first, and puts the key in its place.
  public static func finish(chain: [[UInt8]], certificate: String, key: String) throws {
    try Files.write(try chain.flatMap { try Certificate(der: $0).pem }, to: certificate, mode: 0o644)
    try Files.rename(asking(key), to: key)
  }

  private static func asking(_ path: String) -> String { path + ".asking" }
}
