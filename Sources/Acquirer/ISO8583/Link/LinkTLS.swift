import Cryptography
import Files
import ISO8583
import TLS

extension Dialect.TLS {
  /// Reads certificates and key.
  ///
  /// - Parameter host: the acquirer's address, whose certificate is asked for where the dialect names none.
  /// - Throws: `FileError`, `CryptographyError`, or `ConfigurationError` where they do not belong together.
  func context(host: String) throws -> TLSContext {
    let own = try chain.map { try Certificate.fromPEM(try Files.read($0)) } ?? []
    let (trusted, ownKey) = (
      try Certificate.fromPEM(try Files.read(anchors)),
      try key.map { try PrivateKey(pem: try Files.readSecret($0), passphrase: nil) }
    )
    do {
      return try TLSContext.foreignClient(anchors: trusted, name: name ?? host, chain: own, key: ownKey)
    } catch {
      throw ConfigurationError(file: key ?? anchors, line: 0, "\(error)")
    }
  }
}
