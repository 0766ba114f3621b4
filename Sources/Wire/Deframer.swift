/// One whole frame; its pointers are valid as long as the bytes it was found in.
public struct Frame {
  /// The checked header.
  public let header: FrameHeader
  /// Meta and message.
  public let payload: UnsafeRawBufferPointer

  /// Bytes of the frame, header included.
  @inlinable public var size: Int { FrameHeader.size + payload.count }
  /// The meta part.
  @inlinable public var meta: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: payload[..<metaCount])
  }
  /// The message part.
  @inlinable public var message: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: payload[metaCount...])
  }
  /// No more than there is, though an ignorable frame, whose header is not checked, may claim more.
  @usableFromInline var metaCount: Int { min(Int(header.metaLength), payload.count) }

  @inlinable
  init(header: FrameHeader, payload: UnsafeRawBufferPointer) {
    self.header = header
    self.payload = payload
  }
}

/// Finds frames in a byte stream. Allocates nothing and holds no bytes: the caller keeps what is not yet a frame.
///
/// A bad frame is refused as soon as its header shows it: a bad length after 4 bytes, all else after 12.
public struct Deframer: Sendable {
  /// What stands at the beginning of the bytes.
  public enum Outcome {
    /// Nothing yet. The frame is whole, or refused, no sooner than when this many bytes are there.
    case needMore(total: Int)
    /// A whole frame with a legal header.
    case frame(Frame)
    /// The peer broke a rule; nothing behind it is looked at.
    case violation(ProtocolViolation)
  }

  /// Largest `length` accepted. At most `FrameLimits.largestMaxLength`.
  public let maxLength: UInt32
  /// False until the first frame was found; until then bad bytes may be another protocol's.
  private var hasFrame = false

  /// Starts at the first byte of a connection.
  ///
  /// - Precondition: `maxLength` lies between the smallest and the largest that may be announced.
  public init(maxLength: UInt32 = FrameLimits.defaultMaxLength) {
    precondition((FrameLimits.smallestMaxLength...FrameLimits.largestMaxLength).contains(maxLength))
    self.maxLength = maxLength
  }

  /// Looks at the beginning of `bytes`; the caller drops the bytes of a frame before it asks for the next.
  public mutating func next(in bytes: UnsafeRawBufferPointer) -> Outcome {
    guard bytes.count >= 4 else { return .needMore(total: 4) }
    let length = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
    guard length <= maxLength else {
      if !hasFrame, let other = ForeignProtocol(firstBytes: bytes) { return .violation(.foreignProtocol(other)) }
      return .violation(.frameTooLarge(length: length, limit: maxLength))
    }
    guard bytes.count >= FrameHeader.size else { return .needMore(total: FrameHeader.size) }
    let header = FrameHeader(reading: bytes)
    if let violation = header.violation(maxLength: maxLength) { return .violation(violation) }
    let total = FrameHeader.size + Int(length)
    guard bytes.count >= total else { return .needMore(total: total) }
    hasFrame = true
    return .frame(Frame(header: header, payload: UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size..<total])))
  }
}
