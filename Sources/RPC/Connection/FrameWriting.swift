import NIOCore
import Wire

extension ByteBuffer {
  /// Writes a header over 12 bytes that are there already.
  mutating func write(_ header: FrameHeader, at index: Int) {
    withVeryUnsafeMutableBytes { bytes in
      header.write(into: UnsafeMutableRawBufferPointer(rebasing: bytes[index..<index + FrameHeader.size]))
    }
  }

  /// Appends a whole frame.
  mutating func writeFrame(
    _ type: FrameType, flags: FrameFlags = [], stream: UInt32, meta: [UInt8], message: UnsafeRawBufferPointer
  ) {
    let header = FrameHeader(
      type: type, flags: flags, stream: stream, metaLength: meta.count, messageLength: message.count)
    writeWithUnsafeMutableBytes(minimumWritableBytes: FrameHeader.size) { bytes in
      header.write(into: bytes)
      return FrameHeader.size
    }
    writeBytes(meta)
    writeBytes(message)
  }
}
