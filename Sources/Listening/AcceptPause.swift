import Glibc
import Logging
import NIOCore

/// What a listening channel does while the process or the machine has no file descriptor left: it stops accepting for a
/// moment instead of failing as fast as it can. Connections wait in the kernel's queue meanwhile.
///
/// SwiftNIO's `AcceptBackoffHandler` delays a channel's wish to read, but after a failed accept the former wish still
/// stands, so the loop goes on; here the channel is taken off the loop's readable ones.
public final class AcceptPause: ChannelInboundHandler {
  public typealias InboundIn = any Channel

  /// Short beside a handshake's time, long beside an accept that fails.
  private static let pause = TimeAmount.milliseconds(100)
  /// Between two lines in the log.
  private static let loggedEvery = TimeAmount.seconds(60)

  private let logger: Logger?
  private var logged: NIODeadline?
  private var isPaused = false

  private init(_ logger: Logger?) { self.logger = logger }

  /// Puts it in front of a listening channel's other handlers; for `ServerBootstrap.serverChannelInitializer`.
  ///
  /// - Parameter logger: told once a minute at most; nil: nobody is.
  @Sendable public static func add(to channel: any Channel, logger: Logger?) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptPause(logger)) }
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    tell(error)
    guard !isPaused, let options = context.channel.syncOptions else { return }
    isPaused = true
    try? options.setOption(.autoRead, value: false)
    context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
      self.isPaused = false
      try? options.setOption(.autoRead, value: true)
    }
  }

  private func tell(_ error: IOError) {
    let now = NIODeadline.now()
    guard logged.map({ now - $0 >= Self.loggedEvery }) ?? true else { return }
    logged = now
    logger?.error(
      "connections cannot be accepted for want of file descriptors or memory; raise LimitNOFILE or find who connects",
      metadata: ["error": "\(String(cString: strerror(error.errnoCode)))"])
  }
}
