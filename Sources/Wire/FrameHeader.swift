/// The first 12 bytes of a frame. All integers big-endian.
///
/// ```
///  0        4           8      9       10         12
///  +--------+-----------+------+-------+----------+------------------+-----------------+
///  | length | stream id | type | flags | meta len | meta (meta len)  | message         |
///  +--------+-----------+------+-------+----------+------------------+-----------------+
///    u32      u32         u8     u8      u16        <---------- length bytes --------->
/// ```
///
/// Valid where, in this order:
/// 1. `length` is at most the receiver's limit, which lies below 2^24, so its top byte is 0;
/// 2. the type is known or at least 0x80 (then nothing below is checked and the frame is skipped);
/// 3. `meta len` is at most `length` and at most 16 KiB;
/// 4. the stream id is 0 for HELLO, PING and GOAWAY, odd for REQUEST, RESPONSE and CANCEL;
/// 5. HELLO and GOAWAY have no message, CANCEL has neither meta nor message, PING has 8 bytes of message and no meta.
///
/// Undefined flags are ignored. The rules of order stand with the connections, not here.
public struct FrameHeader: Equatable, Sendable, BitwiseCopyable {
  /// Bytes of an encoded header.
  public static let size = 12

  /// Bytes behind the header: meta and message.
  public var length: UInt32
  /// 0: the connection; else the call.
  public var stream: UInt32
  /// What the frame says.
  public var type: FrameType
  /// See `FrameFlags`.
  public var flags: FrameFlags
  /// Bytes of meta.
  public var metaLength: UInt16

  /// Makes a header for a frame with these parts.
  ///
  /// - Precondition: `length` below 2^24, `metaLength` at most `length`.
  public init(type: FrameType, flags: FrameFlags = [], stream: UInt32, metaLength: Int, messageLength: Int) {
    precondition(metaLength >= 0 && metaLength <= FrameLimits.maxMeta && messageLength >= 0)
    precondition(messageLength < 1 << 24 && metaLength + messageLength < 1 << 24)
    self.length = UInt32(metaLength + messageLength)
    self.stream = stream
    self.type = type
    self.flags = flags
    self.metaLength = UInt16(metaLength)
  }

  /// Reads a header without judging it.
  ///
  /// - Precondition: at least 12 bytes.
  @inlinable
  public init(reading bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count >= FrameHeader.size)
    length = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    stream = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    type = FrameType(rawValue: bytes[8])
    flags = FrameFlags(rawValue: bytes[9])
    metaLength = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self))
  }

  /// Writes the 12 bytes.
  ///
  /// - Precondition: room for 12 bytes.
  @inlinable
  public func write(into bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count >= FrameHeader.size)
    bytes.storeBytes(of: length.bigEndian, toByteOffset: 0, as: UInt32.self)
    bytes.storeBytes(of: stream.bigEndian, toByteOffset: 4, as: UInt32.self)
    bytes[8] = type.rawValue
    bytes[9] = flags.rawValue
    bytes.storeBytes(of: metaLength.bigEndian, toByteOffset: 10, as: UInt16.self)
  }

  /// The 12 bytes.
  public var encoded: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: FrameHeader.size) { buffer, count in
      write(into: UnsafeMutableRawBufferPointer(buffer))
      count = FrameHeader.size
    }
  }
}

extension FrameHeader {
  /// The first rule that this header breaks, rules 1 to 5 above.
  ///
  /// - Parameter maxLength: largest `length` that this receiver accepts.
  @inlinable
  public func violation(maxLength: UInt32) -> ProtocolViolation? {
    if length > maxLength { return .frameTooLarge(length: length, limit: maxLength) }
    if type.isIgnorable { return nil }
    guard type.isKnown else { return .unknownFrameType(type.rawValue) }
    if metaLength > FrameLimits.maxMeta { return .metaTooLarge(metaLength) }
    if UInt32(metaLength) > length { return .metaBeyondFrame }
    let isConnectionFrame = type == .hello || type == .ping || type == .goAway
    guard isConnectionFrame ? stream == 0 : stream & 1 == 1 else { return .illegalStream(type, stream) }
    let isShapeLegal =
      switch type {
      case .hello, .goAway: length == UInt32(metaLength)
      case .cancel: length == 0
      case .ping: metaLength == 0 && length == 8
      default: true
      }
    return isShapeLegal ? nil : .illegalShape(type)
  }
}
