import NIOCore

/// Plaintext between `write` and `flush`: small writes are joined, so that many leave in one record.
struct WaitingWrites {
  private var buffers: [ByteBuffer] = []
  private var promises: [EventLoopPromise<Void>] = []

  var isEmpty: Bool { buffers.isEmpty }

  mutating func append(_ bytes: consuming ByteBuffer, promise: EventLoopPromise<Void>?) {
    if let promise { promises.append(promise) }
    if let last = buffers.last, last.readableBytes + bytes.readableBytes <= Session.recordSize {
      buffers[buffers.count - 1].writeBuffer(&bytes)
    } else {
      buffers.append(bytes)
    }
  }

  /// Hands every piece to `body`, in order, and forgets it.
  ///
  /// - Returns: what succeeds when all of it was sent; nil where nobody waits for that.
  mutating func drain(
    on eventLoop: any EventLoop, _ body: (UnsafeRawBufferPointer) throws(TLSError) -> Void
  ) throws(TLSError) -> EventLoopPromise<Void>? {
    for buffer in buffers {
      let result = buffer.withUnsafeReadableBytes { bytes -> Result<Void, TLSError> in
        Result { () throws(TLSError) in try body(bytes) }
      }
      try result.get()
    }
    buffers.removeAll(keepingCapacity: true)
    defer { promises.removeAll(keepingCapacity: true) }
    guard promises.count > 1 else { return promises.first }
    let all = eventLoop.makePromise(of: Void.self)
    for promise in promises { all.futureResult.cascade(to: promise) }
    return all
  }

  /// Forgets everything; nothing of it will be sent.
  mutating func fail(_ error: any Error) {
    let failed = promises
    self = WaitingWrites()
    for promise in failed { promise.fail(error) }
  }
}
