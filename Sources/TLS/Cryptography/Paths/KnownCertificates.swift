import Bytes
import Synchronization

/// Certificates that come with login after login, of issuers, companies and the service, read once.
///
/// OpenSSL 3.0 spends a third of a millisecond on reading one certificate, most of it on finding a decoder for its key.
/// What is kept is only what DER says, never a verdict: every path is verified anew. Nothing is kept for a peer whose
/// signatures were not found good, so that nobody can drive out what others need.
public final class KnownCertificates: Sendable {
  /// Kept at once, at most 24 KiB of DER each; one more forgets them all.
  public static let most = 256

  private let known = Mutex<[Bytes32: Certificate]>([:])

  public init() {}

  /// Reads a certificate, or takes the one that was read before.
  ///
  /// - Throws: ``CryptographyError``, as ``Certificate/init(der:)``.
  public func certificate(der: [UInt8]) throws(CryptographyError) -> Certificate {
    if let found = known.withLock({ $0[SHA256.digest(der)] }) { return found }
    return try Certificate(der: der)
  }

  /// Keeps certificates of a login or a service that was found good.
  public func keep(_ certificates: some Sequence<Certificate>) {
    known.withLock { known in
      for certificate in certificates where known[certificate.fingerprint] == nil {
        if known.count == Self.most { known.removeAll() }
        known[certificate.fingerprint] = certificate
      }
    }
  }
}
