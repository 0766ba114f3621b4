import NIOCore
import Wire

/// Cuts what a channel reads into frames. Holds bytes only while a frame is unfinished.
struct FrameReader {
  private var deframer: Deframer
  /// Bytes of an unfinished frame; empty between frames.
  private var rest = ByteBuffer()

  init(maxLength: UInt32) {
    deframer = Deframer(maxLength: maxLength)
  }

  /// Bytes of an unfinished frame are here.
  var isPartial: Bool { rest.readableBytes > 0 }

  /// Hands every whole frame to `receive`, until that returns false; the bytes behind are dropped then.
  ///
  /// - Returns: what the peer did wrong, if it did.
  mutating func read(_ bytes: consuming ByteBuffer, _ receive: (Frame) -> Bool) -> ProtocolViolation? {
    if isPartial {
      rest.writeBuffer(&bytes)
      bytes = rest
      rest = ByteBuffer()
    }
    var consumed = 0
    var violation: ProtocolViolation?
    let wantsMore = bytes.withUnsafeReadableBytes { all in
      while true {
        switch deframer.next(in: UnsafeRawBufferPointer(rebasing: all[consumed...])) {
        case .needMore: return true
        case .violation(let found):
          violation = found
          return false
        case .frame(let frame):
          consumed += frame.size
          if !receive(frame) { return false }
        }
      }
    }
    if wantsMore { keep(bytes, from: consumed) }
    return violation
  }

  /// Keeps the bytes of an unfinished frame; a buffer that held whole frames too is given back.
  private mutating func keep(_ bytes: consuming ByteBuffer, from consumed: Int) {
    if consumed == 0 {
      rest = bytes
      return
    }
    bytes.moveReaderIndex(forwardBy: consumed)
    guard bytes.readableBytes > 0 else { return }
    rest = ByteBuffer()
    rest.writeBuffer(&bytes)
  }
}
