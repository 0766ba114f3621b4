/// What a frame says.
public struct FrameType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The type byte.
  public let rawValue: UInt8

  /// Any byte, known or not.
  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// First frame each way, stream 0: meta `Hello`.
  @inlinable public static var hello: FrameType { FrameType(rawValue: 1) }
  /// A call, client to server: meta `RequestHeader` and the request.
  @inlinable public static var request: FrameType { FrameType(rawValue: 2) }
  /// Its answer, server to client: meta `ResponseHeader` (absent for a plain OK) and the reply.
  @inlinable public static var response: FrameType { FrameType(rawValue: 3) }
  /// The client gives a call up.
  @inlinable public static var cancel: FrameType { FrameType(rawValue: 4) }
  /// Either way, stream 0: 8 opaque bytes, sent back with the flag ACK.
  @inlinable public static var ping: FrameType { FrameType(rawValue: 5) }
  /// The server takes no more calls, stream 0: meta `GoAway`.
  @inlinable public static var goAway: FrameType { FrameType(rawValue: 6) }

  /// One of the six types above.
  @inlinable public var isKnown: Bool { rawValue >= 1 && rawValue <= 6 }
  /// A later version's type that a receiver of this version skips.
  @inlinable public var isIgnorable: Bool { rawValue >= 0x80 }
}

extension FrameType: CustomStringConvertible {
  /// The name as in proto/PROTOCOL.md.
  public var description: String {
    switch self {
    case .hello: "HELLO"
    case .request: "REQUEST"
    case .response: "RESPONSE"
    case .cancel: "CANCEL"
    case .ping: "PING"
    case .goAway: "GOAWAY"
    default: "type \(rawValue)"
    }
  }
}

/// The flags byte; bits without a name are ignored.
public struct FrameFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The flags byte.
  public let rawValue: UInt8

  /// Any byte.
  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// PING only: this is the answer.
  @inlinable public static var ack: FrameFlags { FrameFlags(rawValue: 1) }
}
