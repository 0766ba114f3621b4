import COpenSSL
import Cryptography
import NIOCore

/// One TLS connection on OpenSSL: bytes in, bytes out, no I/O. Used on one event loop.
final class Session {
  /// How an operation ended.
  enum Step {
    case done
    /// More bytes of the peer are needed.
    case wantsRead
    /// The peer's close_notify has come.
    case peerClosed
    case failed(TLSError)
  }

  /// Most plaintext in one record (RFC 8446 section 5.1).
  static let recordSize = 16 << 10
  /// Records after which this side changes its keys: a third of what AES-GCM allows (RFC 8446 section 5.5).
  static let recordsPerKey: UInt64 = 1 << 23

  let bytes = CipherBytes()
  /// What the peer showed and was accepted, leaf first.
  private(set) var peerChain: [Certificate] = []
  /// Why a callback refused the peer; told instead of OpenSSL's words for it.
  var refusal: TLSError?
  private let context: TLSContext
  private let ssl: OpaquePointer
  private let recordsPerKey: UInt64
  /// Records written with the present keys, at least.
  private var records: UInt64 = 0

  /// Owns `ssl` from now on.
  init(_ ssl: OpaquePointer, context: TLSContext, recordsPerKey: UInt64) throws(TLSError) {
    self.ssl = ssl
    self.recordsPerKey = recordsPerKey
    self.context = context
    guard let bio = bytes.makeBIO() else { throw .contextInvalid("no memory for a connection: \(takeErrors())") }
    SSL_set_bio(ssl, bio, bio)
    countersign_set_owner(ssl, Unmanaged.passUnretained(self).toOpaque())
    if context.isServer {
      SSL_set_accept_state(ssl)
    } else {
      SSL_set_connect_state(ssl)
      guard context.serverName.map({ countersign_set_server_name(ssl, $0) == 1 }) ?? true else {
        throw .contextInvalid("the server's name cannot be asked for: \(takeErrors())")
      }
      if case .foreignServer(_, let name) = context.verification { try expect(name) }
    }
  }

  deinit { SSL_free(ssl) }

  /// Has OpenSSL compare the certificate's names with a DNS name or an IP address (RFC 6125 section 6).
  private func expect(_ name: String) throws(TLSError) {
    let parameters = SSL_get0_param(ssl)
    X509_VERIFY_PARAM_set_hostflags(
      parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
    let isSet =
      HostName.isAddress(name)
      ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name)
      : X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count)
    guard isSet == 1 else { throw .contextInvalid("\"\(name)\" is no host name: \(takeErrors())") }
  }

  /// The session that OpenSSL called back for.
  static func owner(_ ssl: OpaquePointer) -> Session? {
    countersign_owner(ssl).map { Unmanaged<Session>.fromOpaque($0).takeUnretainedValue() }
  }

  /// What both sides must agree on.
  var applicationProtocol: ApplicationProtocol? { context.applicationProtocol }
  private var noALPN: TLSError { .noALPN(applicationProtocol?.name ?? "") }

  /// The peer offers other protocols, or none.
  func refuseProtocol() { refusal = noALPN }

  /// Judges the peer's chain, leaf first, and keeps it.
  func accept(chain: [Certificate]) throws(TLSError) {
    try context.verification.check(chain, now: context.now())
    peerChain = chain
  }

  /// Runs one operation with a clean error queue and leaves a clean one.
  ///
  /// - Parameter operation: an OpenSSL function whose result is 1 for success.
  private func perform(_ operation: () -> Int32) -> Step {
    ERR_clear_error()
    let result = operation()
    if result == 1 { return .done }
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_ZERO_RETURN: return .peerClosed
    default: return .failed(takeFailure())
    }
  }

  private func takeFailure() -> TLSError {
    let reason = countersign_error_reason(ERR_peek_error())
    let words = takeErrors()
    if let refusal { return refusal }
    let verdict = SSL_get_verify_result(ssl)
    if verdict != Int(X509_V_OK), let text = X509_verify_cert_error_string(verdict) {
      return .chainUnreadable(String(cString: text))
    }
    return reason == UInt(SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
      ? noALPN : .protocolError(words.isEmpty ? "no reason given" : words)
  }
}

// MARK: - Operations

extension Session {
  /// Goes on with the handshake.
  func handshake() -> Step {
    let step = perform { SSL_do_handshake(ssl) }
    if case .done = step, context.applicationProtocol?.isAgreed(ssl, isServer: context.isServer) == false {
      return .failed(noALPN)
    }
    return step
  }

  /// Appends all plaintext that can be had; never `.done`.
  func read(into plaintext: inout ByteBuffer) -> Step {
    while true {
      var step = Step.done
      plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: max(1, Int(SSL_pending(ssl)))) { space in
        var count = 0
        step = perform { SSL_read_ex(ssl, space.baseAddress, space.count, &count) }
        return count
      }
      guard case .done = step else { return step }
    }
  }

  /// Encrypts all of `plaintext` into records.
  func write(_ plaintext: UnsafeRawBufferPointer) -> Step {
    guard plaintext.count > 0 else { return .done }
    if records >= recordsPerKey, SSL_version(ssl) >= TLS1_3_VERSION, case .failed(let error) = updateKeys() {
      return .failed(error)
    }
    records += UInt64(plaintext.count / Self.recordSize + 1)
    bytes.reserve(plaintext: plaintext.count)
    var count = 0
    let step = perform { SSL_write_ex(ssl, plaintext.baseAddress, plaintext.count, &count) }
    if case .wantsRead = step {
      // Half a KeyUpdate has come. No peer has a reason to cut those 5 bytes, and waiting would hold back the output.
      return .failed(.protocolError("a message after the handshake is split over records"))
    }
    return step
  }

  /// Changes this side's keys (RFC 8446 section 4.6.3).
  func updateKeys() -> Step {
    records = 0
    return perform { SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) }
  }

  /// Writes close_notify; the peer may still send.
  func closeOutput() {
    _ = perform { SSL_shutdown(ssl) }
  }
}
