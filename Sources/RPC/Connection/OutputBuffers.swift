import NIOCore

/// Output buffers of one loop, used again after each flush, so that idle connections hold none.
struct OutputBuffers {
  /// Enough for the connections that one turn of a busy loop touches.
  private static let most = 64
  /// What a new buffer holds: the replies of one burst.
  private static let capacity = 4 << 10
  /// A buffer that has grown beyond this is not kept.
  private static let largest = 64 << 10

  private var spare: [ByteBuffer] = []

  /// An empty buffer.
  mutating func take(from allocator: ByteBufferAllocator) -> ByteBuffer {
    spare.popLast() ?? allocator.buffer(capacity: Self.capacity)
  }

  /// Takes a flushed buffer back.
  mutating func give(_ buffer: consuming ByteBuffer) {
    guard spare.count < Self.most, buffer.capacity <= Self.largest else { return }
    buffer.clear()
    spare.append(buffer)
  }
}

/// Receive buffers that live only while they are read: an idle connection keeps 512 bytes, not its last burst's size.
///
/// SwiftNIO keeps the first buffer of a channel that reads once a turn and allocates the others anew.
struct TransientReceiveBuffers: RecvByteBufferAllocator {
  private static let first = 512
  private static let smallest = 4 << 10
  private static let largest = 64 << 10

  private var next = Self.first

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: next) }

  mutating func record(actualReadBytes: Int) -> Bool {
    if actualReadBytes >= next {
      next = min(max(next * 2, Self.smallest), Self.largest)
    } else if next == Self.first || actualReadBytes < next / 4 {
      next = max(next / 2, Self.smallest)
    }
    return true
  }

  func nextBufferSize() -> Int? { nil }
}
