import Bytes
import COpenSSL
import Cryptography

/// What a client demands of its server.
public struct ServerVerification: Sendable {
  /// SHA-256 of the pinned root's DER. The presented chain must hold that certificate; it alone is the anchor.
  public var rootFingerprint: Bytes32
  /// Name that the leaf must carry as dNSName; nil: role and root are enough.
  public var dnsName: String?
  /// `.server`, `.gateway`, or both where either will do.
  public var roles: [Role]

  /// Makes a demand for one role.
  public init(rootFingerprint: Bytes32, dnsName: String?, role: Role) {
    self.init(rootFingerprint: rootFingerprint, dnsName: dnsName, roles: [role])
  }

  /// Makes a demand for any of several roles.
  public init(rootFingerprint: Bytes32, dnsName: String?, roles: [Role]) {
    self.rootFingerprint = rootFingerprint
    self.dnsName = dnsName
    self.roles = roles
  }
}

/// What one side demands of the other's certificates.
enum Verification: Sendable {
  case server(ServerVerification)
  /// A client may show a certificate; if it does, its path must lead to an anchor, in one of these roles.
  case client(anchors: [Certificate], roles: [Role])
  /// A server of somebody else, judged by OpenSSL as any TLS client does: a path to an anchor, time, and this DNS name
  /// or IP address.
  case foreignServer(anchors: [Certificate], name: String)
  /// Clients are not asked for certificates.
  case none

  /// Most certificates in a chain, and bytes of all together. Enough for two issuing certificates above each leaf.
  static let maxCertificates = 8
  static let maxChainBytes = 24 << 10

  /// Judges a chain, leaf first.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  func check(_ chain: [Certificate], now: Int64) throws(TLSError) {
    guard let leaf = chain.first else { throw .chainUnreadable("it is empty") }
    do {
      switch self {
      case .none, .foreignServer: return
      case .server(let demand):
        guard let root = chain.first(where: { $0.fingerprint == demand.rootFingerprint }) else {
          throw TLSError.rootNotPresented(demand.rootFingerprint)
        }
        guard let role = Self.role(of: leaf, among: demand.roles) else { throw TLSError.chainUnreadable("no role") }
        try CertificatePath.verify(chain: chain, anchors: [root], role: role, at: now, dnsName: demand.dnsName)
      case .client(let anchors, let roles):
        guard let role = Self.role(of: leaf, among: roles) else { return }
        try CertificatePath.verify(chain: chain, anchors: anchors, role: role, at: now, dnsName: nil)
      }
    } catch let refusal as CertificateRefusal {
      throw .certificateRefused(refusal)
    } catch let error as TLSError {
      throw error
    } catch {
      throw .chainUnreadable("\(error)")
    }
  }
}

extension Verification {
  /// The role to judge a leaf by: the one that it has, else the first, for the refusal.
  private static func role(of leaf: Certificate, among roles: [Role]) -> Role? {
    roles.first(where: leaf.roles.contains) ?? roles.first
  }
}

// MARK: - Callback

extension Verification {
  /// Makes OpenSSL ask for the peer's chain where this demands one, and have it judged here instead of by itself.
  func install(in context: OpaquePointer) {
    switch self {
    case .none: return SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
    case .foreignServer(let anchors, _):
      for anchor in anchors { X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor.handle) }
      return SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    case .server, .client: SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }
    countersign_ctx_set_max_chain_bytes(context, Self.maxChainBytes)
    SSL_CTX_set_cert_verify_callback(context, Self.judge, nil)
  }

  private static let judge: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
    guard let store, let session = countersign_verifying_connection(store).flatMap(Session.owner) else { return 0 }
    do throws(TLSError) {
      try session.accept(chain: presentedChain(store))
      X509_STORE_CTX_set_error(store, X509_V_OK)
      return 1
    } catch {
      session.refusal = error
      X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
      return 0
    }
  }

  /// The peer's certificates as it sent them, leaf first.
  private static func presentedChain(_ store: OpaquePointer) throws(TLSError) -> [Certificate] {
    let stack = X509_STORE_CTX_get0_untrusted(store)
    let count = countersign_x509_count(stack)
    guard count <= maxCertificates else { throw .chainUnreadable("it has \(count) certificates") }
    var chain: [Certificate] = []
    for index in 0..<count {
      guard let handle = countersign_x509(stack, index) else {
        throw .chainUnreadable("certificate \(index) is missing")
      }
      do {
        chain.append(try Certificate(sharing: handle))
      } catch {
        throw .chainUnreadable("certificate \(index): \(error)")
      }
    }
    return chain
  }
}
