import Bytes
import Cryptography

/// Why a TLS connection could not be made or ended.
public enum TLSError: Error, Sendable {
  /// Certificates or key of a context do not fit together; the text has OpenSSL's words.
  case contextInvalid(String)
  /// The handshake was not complete in time.
  case handshakeTimeout
  /// The peer does not speak this protocol (RFC 7301).
  case noALPN(String)
  /// The peer's chain was refused.
  case certificateRefused(CertificateRefusal)
  /// The peer's chain does not hold the certificate with this SHA-256, the pinned root.
  case rootNotPresented(Bytes32)
  /// The peer's chain is empty, too long, or holds something that is no certificate.
  case chainUnreadable(String)
  /// The connection ended without close_notify (RFC 8446 section 6.1): what came last may be missing.
  case uncleanShutdown
  /// The peer broke TLS or refused this side; the text has OpenSSL's words.
  case protocolError(String)
}

extension TLSError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .contextInvalid(let text): "TLS cannot be set up: \(text)"
    case .handshakeTimeout: "the TLS handshake took too long"
    case .noALPN(let name): "the peer does not speak \(name)"
    case .certificateRefused(let refusal): "the peer's certificate was refused: \(refusal)"
    case .rootNotPresented(let fingerprint):
      "the peer's chain does not hold the pinned root with SHA-256 \(fingerprint)"
    case .chainUnreadable(let text): "the peer's certificate chain: \(text)"
    case .uncleanShutdown: "the connection ended without close_notify"
    case .protocolError(let text): "TLS failed: \(text)"
    }
  }
}
