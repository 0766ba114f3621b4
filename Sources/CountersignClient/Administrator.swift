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
