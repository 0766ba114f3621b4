import Glibc
import ISO8583
import Logging
import NIOCore
import TLS

/// One connection of the link: framing, reading and writing of messages. On the link's event loop.
///
/// It knows nothing of payments; whatever comes is handed to the core.
final class LinkConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// Names the connection in the table of open requests.
  let number: Int
  private let core: LinkCore
  private let dialect: Dialect
  private let usesTLS: Bool
  private var context: ChannelHandlerContext?
  private var input = ByteBuffer()
  private var message = Message()
  /// Encoded and not yet handed to the channel; holds card data.
  private var output: [UInt8] = []
  private var encoded: [UInt8] = []
  /// The acquirer takes requests on it.
  var isReady = false
  /// Monotonic milliseconds of the latest input.
  private(set) var lastInput: Int64 = 0
  /// An echo is on its way.
  var isEchoing = false

  /// Bytes that may wait in the channel before no new sale is written to it.
  static let writeBuffer = ChannelOptions.Types.WriteBufferWaterMark(low: 256 << 10, high: 1 << 20)

  init(number: Int, core: LinkCore, dialect: Dialect, usesTLS: Bool) {
    self.number = number
    self.core = core
    self.dialect = dialect
    self.usesTLS = usesTLS
    output.reserveCapacity(64 << 10)
    encoded.reserveCapacity(2_048)
  }

  /// Whether a request can be written without waiting behind a megabyte of others.
  var isWritable: Bool { context?.channel.isWritable ?? false }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if !usesTLS, context.channel.isActive { opened() }
  }

  func channelActive(context: ChannelHandlerContext) {
    if !usesTLS { opened() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is TLSHandshakeCompleted { opened() }
    context.fireUserInboundEventTriggered(event)
  }

  private func opened() {
    lastInput = LinkCore.now()
    core.opened(self)
  }

  func channelInactive(context: ChannelHandlerContext) { ended("the acquirer closed it") }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    ended("\(error)")
    context.close(promise: nil)
  }

  /// Closes the connection for a reason of this side.
  func close(_ reason: String) {
    let context = context
    ended(reason)
    context?.close(promise: nil)
  }

  private func ended(_ reason: String) {
    guard context != nil else { return }
    context = nil
    eraseOutput()
    core.closed(self, reason)
  }
}

// MARK: - Input

extension LinkConnection {
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    lastInput = LinkCore.now()
    if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
    while self.context != nil {
      switch input.withUnsafeReadableBytes({ dialect.header.next(in: $0) }) {
      case .needMore:
        input.discardReadBytes()
        return
      case .violation(let violation): return close("\(violation)")
      case .message(let range):
        take(range)
        input.moveReaderIndex(forwardBy: range.upperBound)
      }
    }
  }

  private func take(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    do throws(CodecError) {
      let result = input.withUnsafeReadableBytes { input in
        Result { () throws(CodecError) in
          try dialect.table.decode(UnsafeRawBufferPointer(rebasing: input[range]), into: &message)
        }
      }
      try result.get()
      core.received(message, on: self)
    } catch {
      core.unreadable(error, on: self)
    }
    message.erase()
  }

  func channelReadComplete(context: ChannelHandlerContext) { core.flush() }
}

// MARK: - Output

extension LinkConnection {
  /// Encodes a message behind those that wait for ``flush()``.
  ///
  /// - Throws: ``CodecError``; nothing of the message will be sent.
  func write(_ message: Message) throws(CodecError) {
    defer {
      Self.erase(&encoded)
    }
    try dialect.table.encode(message, into: &encoded)
    guard encoded.count <= LengthHeader.largestMessage else {
      throw CodecError(.end, .tooLong(encoded.count, limit: LengthHeader.largestMessage))
    }
    reserveOutput(encoded.count + dialect.header.size)
    dialect.header.append(messageOf: encoded.count, to: &output)
    output.append(contentsOf: encoded)
  }

  /// Grows by hand: storage that grew by itself would leave card data behind.
  private func reserveOutput(_ count: Int) {
    guard output.count + count > output.capacity else { return }
    var larger: [UInt8] = []
    larger.reserveCapacity(max(output.capacity * 2, output.count + count))
    larger.append(contentsOf: output)
    eraseOutput()
    output = larger
  }

  /// Sends what was written. The bytes are zeroed as soon as they have left.
  func flush() {
    guard let context, !output.isEmpty else { return }
    let sent = SentBytes(context.channel.allocator.buffer(bytes: output))
    eraseOutput()
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { _ in sent.erase() }
    context.writeAndFlush(NIOAny(sent.bytes), promise: promise)
  }

  private func eraseOutput() { Self.erase(&output) }

  private static func erase(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
    }
    bytes.removeAll(keepingCapacity: true)
  }
}

/// Bytes that hold card data until the channel has sent them. The channel has let go of them when it tells so; then this
/// is the only owner, and zeroing happens in place.
final class SentBytes {
  private(set) var bytes: ByteBuffer

  init(_ bytes: ByteBuffer) { self.bytes = bytes }

  func erase() {
    bytes.withUnsafeMutableReadableBytes { bytes in
      if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
    }
  }
}
