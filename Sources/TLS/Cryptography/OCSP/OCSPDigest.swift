import COpenSSL

/// Hashes that name an issuer in OCSP (RFC 6960 section 4.1.1). They identify and protect nothing, so SHA-1 may stand
/// here: the answer's signature covers them.
public enum OCSPDigest: String, Sendable, CaseIterable {
  case sha1, sha256, sha384, sha512

  var handle: OpaquePointer? {
    switch self {
    case .sha1: EVP_sha1()
    case .sha256: EVP_sha256()
    case .sha384: EVP_sha384()
    case .sha512: EVP_sha512()
    }
  }

  /// Nil for hashes that are not known here.
  init?(object: OpaquePointer?) {
    switch OBJ_obj2nid(object) {
    case NID_sha1: self = .sha1
    case NID_sha256: self = .sha256
    case NID_sha384: self = .sha384
    case NID_sha512: self = .sha512
    default: return nil
    }
  }
}
