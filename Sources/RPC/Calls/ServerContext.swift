import Cryptography
import Wire

/// One entry of application metadata.
public struct MetadataEntry: Sendable, Equatable {
  /// Lower-case ASCII letters, digits, '-', '_' and '.', 1 to 64 bytes.
  public var key: String
  /// Any bytes.
  public var value: [UInt8]

  /// Makes one entry.
  public init(key: String, value: [UInt8]) {
    self.key = key
    self.value = value
  }
}

extension MetadataEntry {
  var isKeyLegal: Bool {
    (1...CallLimits.maxMetadataKey).contains(key.utf8.count)
      && key.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
          UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}

/// Who is at the other end of a connection.
public struct Peer: Sendable {
  /// Numeric address without port, for example "192.0.2.7".
  public let remoteAddress: String
  /// The certificates that it showed in the TLS handshake, leaf first, their path verified; empty: none.
  public let certificates: [Certificate]

  /// Makes a peer.
  public init(remoteAddress: String, certificates: [Certificate] = []) {
    self.remoteAddress = remoteAddress
    self.certificates = certificates
  }
}

/// What an `async` method knows of its call besides the request.
public struct ServerContext: Sendable {
  /// Full method path, for example "/countersign.v1.Checkout/Login".
  public let method: String
  /// When the call's time ends, nanoseconds of the monotonic clock.
  public let deadline: UInt64
  /// What the client sent along.
  public let metadata: [MetadataEntry]
  /// W3C trace context, or empty.
  public let traceparent: String
  /// Who calls.
  public let peer: Peer
  /// The connection it came on; one value names one connection for the life of the process.
  public let connection: ConnectionRef

  /// Makes a context, for tests of services.
  public init(
    method: String, deadline: UInt64 = .max, metadata: [MetadataEntry] = [], traceparent: String = "", peer: Peer,
    connection: ConnectionRef
  ) {
    self.method = method
    self.deadline = deadline
    self.metadata = metadata
    self.traceparent = traceparent
    self.peer = peer
    self.connection = connection
  }
}
