import Bytes
import CountersignRPC
import Synchronization

/// By which way a call comes: 0 directly, else the company whose certificate authenticated the connection.
///
/// Kept in memory, because payments are looked up on event loops: filled at start, then with each certificate issued.
///
/// Source: docs/security.md, "Paths".
final class CompanyCertificates: Sendable {
  /// Path of a connection that no company authenticated.
  static let direct: Int64 = 0

  /// Company by the SHA-256 of its certificate's DER.
  private let companies: Mutex<[Bytes32: Int64]> = Mutex([:])

  /// Knows a company's certificate from now on.
  func insert(_ fingerprint: Bytes32, company: Int64) {
    companies.withLock { $0[fingerprint] = company }
  }

  /// Forgets certificates that are revoked.
  func remove(_ fingerprints: [Bytes32]) {
    companies.withLock { for fingerprint in fingerprints { $0[fingerprint] = nil } }
  }

  /// The path of a connection; nil where it shows a company's certificate that is not in the register.
  func path(of peer: Peer) -> Int64? {
    guard let leaf = peer.certificates.first, leaf.roles.contains(.company) else { return Self.direct }
    return companies.withLock { $0[leaf.fingerprint] }
  }
}

extension ServerContext {
  /// Key of the metadata in which a company's gateway names the terminal that it speaks for.
  static let terminalKey = "countersign-terminal"

  /// Whom refusals are counted against: the other end, or the terminal behind it where a company's gateway names one.
  var source: String {
    guard peer.certificates.first?.roles.contains(.company) == true,
      let address = metadata.first(where: { $0.key == Self.terminalKey })?.value, Self.isAddress(address)
    else { return peer.remoteAddress }
    return "\(String(decoding: address, as: UTF8.self)) behind \(peer.remoteAddress)"
  }

  /// At most 45 characters that an IPv4 or IPv6 address can have: the text goes into the journal.
  private static func isAddress(_ bytes: [UInt8]) -> Bool {
    (2...45).contains(bytes.count) && bytes.allSatisfy { "0123456789abcdefABCDEF.:".utf8.contains($0) }
  }
}
