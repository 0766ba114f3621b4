import Bytes
import Synchronization

/// Paths that were found good, and certificates of issuers, so that what comes login after login is read and verified once.
///
/// OpenSSL 3.0 spends a third of a millisecond on reading one certificate, most of it on finding a decoder for its key,
/// and as much on the signatures of a path. Whether a chain leads to its anchor in a role depends on its bytes and on the
/// time alone: the bytes are the key of what is kept, and the time is compared with each certificate whenever a path is
/// taken. Nothing is kept for a peer whose own signature was not found good, so that nobody can drive out what others need.
/// One of these serves one set of anchors.
public final class KnownPaths: Sendable {
  /// Certificates of issuers kept at once, at most 24 KiB of DER each; one more forgets them all.
  static let mostIssuers = 256

  /// A chain as it came, and the role that it was verified in.
  struct Key: Hashable {
    private let digest: Bytes32
    private let role: Role

    init(_ ders: [[UInt8]], _ role: Role) {
      var digests = SHA256Hasher()
      for der in ders { SHA256.digest(der).withUnsafeBytes { digests.update($0) } }
      digest = digests.finish()
      self.role = role
    }
  }

  private struct Kept {
    var issuers: [Bytes32: Certificate] = [:]
    var paths: [Key: VerifiedPath] = [:]
  }

  private let kept = Mutex(Kept())
  private let mostPaths: Int

  /// - Parameter mostPaths: kept at once, some 10 KB each; one more forgets them all.
  public init(mostPaths: Int = 1_024) { self.mostPaths = mostPaths }

  /// Reads a certificate, or takes the one that was read before.
  ///
  /// - Throws: ``CryptographyError``, as ``Certificate/init(der:)``.
  func certificate(der: [UInt8]) throws(CryptographyError) -> Certificate {
    let fingerprint = SHA256.digest(der)
    if let found = kept.withLock({ $0.issuers[fingerprint] }) { return found }
    return try Certificate(der: der)
  }

  /// The path of this very chain, where it is kept and every certificate of it is valid.
  ///
  /// - Parameter time: seconds since 1970-01-01T00:00:00Z.
  func path(_ key: Key, at time: Int64) -> VerifiedPath? {
    guard let path = kept.withLock({ $0.paths[key] }),
      path.certificates.allSatisfy({ $0.notBefore <= time && time <= $0.notAfter })
    else { return nil }
    return path
  }

  func keep(_ path: VerifiedPath, _ key: Key) {
    kept.withLock { kept in
      for certificate in path.certificates.dropFirst() where kept.issuers[certificate.fingerprint] == nil {
        if kept.issuers.count == Self.mostIssuers { kept.issuers.removeAll() }
        kept.issuers[certificate.fingerprint] = certificate
      }
      if kept.paths.count == mostPaths { kept.paths.removeAll() }
      kept.paths[key] = path
    }
  }
}
