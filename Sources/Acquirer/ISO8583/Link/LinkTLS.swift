import Cryptography
import Files
import TLS

extension Dialect.TLS {
  /// Reads certificates and key.
  ///
  /// - Parameter host: the acquirer's address, whose certificate is asked for where the dialect names none.
  /// - Throws: `FileError`, `CryptographyError` or `TLSError`.
  func context(host: String) throws -> TLSContext {
    let own = try chain.map { try Certificate.fromPEM(try Files.read($0)) } ?? []
    return try TLSContext.foreignClient(
      anchors: try Certificate.fromPEM(try Files.read(anchors)), name: name ?? host, chain: own,
      key: try key.map { try PrivateKey(pem: try Files.readSecret($0), passphrase: nil) })
  }
}
