import CLinux
import Dispatch
import Listening
import Logging
import NIOCore
import Synchronization
import TLS

/// Which connections are let in, counted over all loops; and memory given back once many have gone.
final class Admission: Sendable {
  /// Open connections, and when memory is given back: the C library keeps what was freed between other allocations, 170
  /// MiB after 3,000 connections that came at once.
  struct Crowd: Sendable {
    static let large = 512
    private(set) var open = 0
    private(set) var peak = 0

    mutating func enter() {
      open += 1
      peak = max(peak, open)
    }

    /// - Returns: whether most of a crowd has gone.
    mutating func leave() -> Bool {
      open -= 1
      guard peak >= Self.large, open <= peak / 4 else { return false }
      peak = open
      return true
    }
  }

  private struct State {
    var counts = SourceCounts()
    var crowd = Crowd()
  }

  private let limits: HandshakeLimits
  private let refused: RareLog
  private let state = Mutex(State())

  init(limits: HandshakeLimits, logger: Logger) {
    self.limits = limits
    refused = RareLog(logger)
  }

  /// Takes a new connection in until its handshake is complete or it closes.
  ///
  /// - Throws: `ChannelError` where there is no room; the caller closes it.
  func handler(for channel: any Channel) throws -> HandshakeSlot {
    let source = channel.remoteAddress?.ipAddress ?? ""
    let isTaken = state.withLock { state in
      guard state.counts.take(source, most: limits.most, mostOfSource: limits.mostOfSource) else { return false }
      state.crowd.enter()
      return true
    }
    guard isTaken else {
      refused.warn("too many TLS handshakes at once; closed", source: source)
      throw ChannelError.operationUnsupported
    }
    channel.closeFuture.whenComplete { [self] _ in left() }
    return HandshakeSlot { [self] in state.withLock { $0.counts.give(source) } }
  }

  private func left() {
    guard state.withLock({ $0.crowd.leave() }) else { return }
    // Not on a loop: it walks all free memory. Those that leave together have left by then.
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + 1) { countersign_release_memory() }
  }
}

/// Holds a place of ``Admission`` behind the TLS handler until the handshake is over.
final class HandshakeSlot: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private var release: (() -> Void)?

  init(_ release: @escaping () -> Void) { self.release = release }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    context.fireUserInboundEventTriggered(event)
    if event is TLSHandshakeCompleted { context.pipeline.syncOperations.removeHandler(context: context, promise: nil) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  private func end() {
    release?()
    release = nil
  }
}
