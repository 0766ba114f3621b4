import COpenSSL
import Cryptography

#if canImport(Glibc)
  import Glibc
#endif

/// What all connections of one server, or of one client to one server, share: certificates, key and demands.
///
/// TLS 1.3 only, security level 2, one application protocol by ALPN; no session tickets, no early data.
public final class TLSContext: Sendable {
  /// Seconds since 1970-01-01T00:00:00Z, by which certificates are judged.
  public typealias WallClock = @Sendable () -> Int64

  let isServer: Bool
  /// Nil where the peer is not ours.
  let applicationProtocol: ApplicationProtocol?
  let verification: Verification
  let now: WallClock
  private let handle: ContextHandle

  private init(
    isServer: Bool, applicationProtocol: ApplicationProtocol?, verification: Verification, chain: [Certificate],
    key: PrivateKey?, now: @escaping WallClock
  ) throws(TLSError) {
    self.isServer = isServer
    self.applicationProtocol = applicationProtocol
    self.verification = verification
    self.now = now
    handle = try ContextHandle(isServer: isServer)
    try handle.configure(isServer: isServer, applicationProtocol)
    if let key { try handle.use(chain, key) }
    verification.install(in: handle.pointer)
  }

  /// For a server.
  ///
  /// - Parameters:
  ///   - chain: leaf first, root last; the root is sent too, because clients find it by its fingerprint.
  ///   - key: the leaf's key.
  ///   - clientAnchors: roots for client certificates. Empty: clients are not asked for one. Else a client may come
  ///     without, but one that is shown must be right.
  ///   - clientRoles: roles that a client's leaf may have; one is enough.
  ///   - applicationProtocol: what clients must speak.
  ///   - now: the clock for client certificates.
  public static func server(
    chain: [Certificate], key: PrivateKey, clientAnchors: [Certificate] = [], clientRoles: [Role] = [.administrator],
    applicationProtocol: ApplicationProtocol = .countersign, now: @escaping WallClock = wallClock
  ) throws(TLSError) -> TLSContext {
    guard !chain.isEmpty else { throw .contextInvalid("a server needs a certificate") }
    let verification =
      clientAnchors.isEmpty || clientRoles.isEmpty
      ? Verification.none : .client(anchors: clientAnchors, roles: clientRoles)
    return try TLSContext(
      isServer: true, applicationProtocol: applicationProtocol, verification: verification, chain: chain, key: key,
      now: now)
  }

  /// For a client of one server.
  ///
  /// - Parameters:
  ///   - verify: what the server must show.
  ///   - chain: the client's own certificates, leaf first, root last; empty: it shows none.
  ///   - key: the leaf's key.
  ///   - applicationProtocol: what the server must speak.
  ///   - now: the clock for the server's certificates.
  public static func client(
    verify: ServerVerification, chain: [Certificate] = [], key: PrivateKey? = nil,
    applicationProtocol: ApplicationProtocol = .countersign, now: @escaping WallClock = wallClock
  ) throws(TLSError) -> TLSContext {
    guard chain.isEmpty == (key == nil) else { throw .contextInvalid("certificate and key come together") }
    return try TLSContext(
      isServer: false, applicationProtocol: applicationProtocol, verification: .server(verify), chain: chain, key: key,
      now: now)
  }

  /// For a client of somebody else's server, an acquirer's for instance: TLS 1.2 or 1.3, no ALPN.
  ///
  /// - Parameters:
  ///   - anchors: certificates, one of which the server's path must lead to.
  ///   - name: DNS name or IP address that the server's certificate must carry (RFC 6125).
  ///   - chain: the client's own certificates, leaf first; empty: it shows none.
  ///   - key: the leaf's key.
  public static func foreignClient(
    anchors: [Certificate], name: String, chain: [Certificate] = [], key: PrivateKey? = nil
  ) throws(TLSError) -> TLSContext {
    guard !anchors.isEmpty else { throw .contextInvalid("no certificate to trust") }
    guard chain.isEmpty == (key == nil) else { throw .contextInvalid("certificate and key come together") }
    return try TLSContext(
      isServer: false, applicationProtocol: nil, verification: .foreignServer(anchors: anchors, name: name),
      chain: chain, key: key, now: wallClock)
  }

  /// The system's clock.
  public static let wallClock: WallClock = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec)
  }

  /// A new connection.
  ///
  /// - Parameter recordsPerKey: records after which this side changes its keys.
  func makeSession(recordsPerKey: UInt64) throws(TLSError) -> Session {
    guard let ssl = SSL_new(handle.pointer) else {
      throw .contextInvalid("no memory for a connection: \(takeErrors())")
    }
    return try Session(ssl, context: self, recordsPerKey: recordsPerKey)
  }

  /// Name that a client asks for (RFC 6066 section 3).
  var serverName: String? {
    switch verification {
    case .server(let demand): demand.dnsName.flatMap { HostName.isAddress($0) ? nil : $0 }
    case .foreignServer(_, let name): HostName.isAddress(name) ? nil : name
    case .client, .none: nil
    }
  }
}

/// Owns an `SSL_CTX`.
private final class ContextHandle: @unchecked Sendable {
  // Sendable: changed only while its TLSContext is made; afterwards OpenSSL reads it and counts references under a lock.
  let pointer: OpaquePointer

  init(isServer: Bool) throws(TLSError) {
    guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
      throw .contextInvalid(takeErrors())
    }
    self.pointer = pointer
  }

  deinit { SSL_CTX_free(pointer) }

  /// - Parameter applicationProtocol: nil where the peer is not ours: no ALPN, and TLS 1.2 will do.
  func configure(isServer: Bool, _ applicationProtocol: ApplicationProtocol?) throws(TLSError) {
    ERR_clear_error()
    SSL_CTX_set_security_level(pointer, 2)
    countersign_ctx_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
    guard countersign_ctx_disable_resumption(pointer) == 1,
      countersign_ctx_set_versions(
        pointer, applicationProtocol == nil ? TLS1_2_VERSION : TLS1_3_VERSION, TLS1_3_VERSION) == 1,
      countersign_ctx_set_groups(pointer, "X25519:P-256:P-384") == 1,
      applicationProtocol?.install(in: pointer, isServer: isServer) ?? true
    else { throw .contextInvalid(takeErrors()) }
  }

  func use(_ chain: [Certificate], _ key: PrivateKey) throws(TLSError) {
    ERR_clear_error()
    for (index, certificate) in chain.enumerated() {
      let isUsed =
        index == 0
        ? SSL_CTX_use_certificate(pointer, certificate.handle)
        : countersign_ctx_add_chain(pointer, certificate.handle)
      guard isUsed == 1 else { throw .contextInvalid("certificate \(index): \(takeErrors())") }
    }
    guard SSL_CTX_use_PrivateKey(pointer, key.handle) == 1, SSL_CTX_check_private_key(pointer) == 1 else {
      throw .contextInvalid("the key is not the certificate's: \(takeErrors())")
    }
  }
}
