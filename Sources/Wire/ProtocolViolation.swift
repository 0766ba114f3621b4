/// What a peer did against the protocol. Always the peer's fault; ends the connection.
public enum ProtocolViolation: Error, Sendable, Equatable {
  // Header, rules F1 to F5.
  case foreignProtocol(ForeignProtocol)
  case frameTooLarge(length: UInt32, limit: UInt32)
  case unknownFrameType(UInt8)
  case metaTooLarge(UInt16)
  case metaBeyondFrame
  case illegalStream(FrameType, UInt32)
  case illegalShape(FrameType)
  // Order of frames.
  case helloMissing(FrameType)
  case helloRepeated
  case wrongDirection(FrameType)
  case streamOutOfOrder(UInt32, expected: UInt32)
  case cancelOfUnopenedStream(UInt32)
  case responseToUnopenedStream(UInt32)
  case responseRepeated(UInt32)
  case goAwayRaised(UInt32)
  case pingFlood
  case truncatedFrame
  // Meta.
  case metaUndecodable(FrameType)
  case helloInvalid
  // Time and volume.
  case helloTimeout
  case frameTimeout
  case outputUnread
}

/// Why a connection is closed, as a GOAWAY tells it.
public struct CloseReason: Sendable, Equatable {
  /// Stable reason in UPPER_SNAKE_CASE; the table stands in proto/PROTOCOL.md.
  public let reason: String
  /// For people.
  public let text: String

  /// Makes a reason.
  public init(_ reason: String, _ text: String) {
    self.reason = reason
    self.text = text
  }

  /// The server is stopping.
  public static let shuttingDown = CloseReason("SHUTTING_DOWN", "the server is stopping")
  /// The certificate that the connection was made with holds no longer.
  public static let certificateRevoked = CloseReason(
    "CERTIFICATE_REVOKED", "the certificate that this connection was made with is revoked; ask an administrator")
  /// Nothing was sent for too long.
  public static let idle = CloseReason("IDLE_TIMEOUT", "no frame for \(seconds(ConnectionLimits.idleTimeout))")

  static func seconds(_ nanoseconds: UInt64) -> String { "\(nanoseconds / 1_000_000_000) s" }
}

extension ProtocolViolation {
  /// What the peer is told.
  public var closeReason: CloseReason {
    switch self {
    case .foreignProtocol(.http):
      CloseReason("FOREIGN_PROTOCOL", "these bytes look like HTTP; this port speaks countersign/1")
    case .foreignProtocol(.tls):
      CloseReason("FOREIGN_PROTOCOL", "these bytes look like TLS inside TLS; this port speaks countersign/1")
    case .frameTooLarge(let length, let limit):
      CloseReason("FRAME_TOO_LARGE", "a frame of \(length) bytes; at most \(limit) are accepted")
    case .unknownFrameType(let type):
      CloseReason("FRAME_TYPE_UNKNOWN", "frame type \(type) is not defined and not ignorable")
    case .metaTooLarge(let length):
      CloseReason("META_TOO_LARGE", "meta of \(length) bytes; at most \(FrameLimits.maxMeta) are accepted")
    case .metaBeyondFrame: CloseReason("FRAME_INVALID", "meta is longer than its frame")
    case .illegalStream(let type, let stream):
      CloseReason("STREAM_INVALID", "\(type) on stream \(stream)")
    case .illegalShape(let type): CloseReason("FRAME_INVALID", "\(type) with parts it may not have")
    case .helloMissing(let type): CloseReason("HELLO_EXPECTED", "\(type) before HELLO")
    case .helloRepeated: CloseReason("HELLO_EXPECTED", "a second HELLO")
    case .wrongDirection(let type): CloseReason("FRAME_TYPE_UNKNOWN", "\(type) comes only from the other side")
    case .streamOutOfOrder(let stream, let expected):
      CloseReason("STREAM_INVALID", "REQUEST on stream \(stream) where \(expected) is next")
    case .cancelOfUnopenedStream(let stream): CloseReason("STREAM_INVALID", "CANCEL of unopened stream \(stream)")
    case .responseToUnopenedStream(let stream): CloseReason("STREAM_INVALID", "RESPONSE to unopened stream \(stream)")
    case .responseRepeated(let stream): CloseReason("STREAM_INVALID", "second RESPONSE to stream \(stream)")
    case .goAwayRaised(let stream): CloseReason("GOAWAY_INVALID", "GOAWAY raised its last stream to \(stream)")
    case .pingFlood: CloseReason("PING_FLOOD", "more PINGs than the announced interval allows")
    case .truncatedFrame: CloseReason("FRAME_INCOMPLETE", "the peer closed its side inside a frame")
    case .metaUndecodable(let type): CloseReason("META_INVALID", "meta of \(type) is not what it must be")
    case .helloInvalid:
      CloseReason("HELLO_INVALID", "HELLO announces frames below \(FrameLimits.smallestMaxLength) bytes")
    case .helloTimeout:
      CloseReason("HELLO_TIMEOUT", "no HELLO within \(CloseReason.seconds(ConnectionLimits.helloTimeout))")
    case .frameTimeout:
      CloseReason("FRAME_INCOMPLETE", "a frame took over \(CloseReason.seconds(ConnectionLimits.frameTimeout))")
    case .outputUnread:
      CloseReason(
        "OUTPUT_UNREAD",
        "over \(ConnectionLimits.maxUnreadOutput) bytes unread for "
          + CloseReason.seconds(ConnectionLimits.unreadOutputTimeout))
    }
  }
}
