import Authority
import Cryptography
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Testing

/// A place that no login or payment may reach. It takes every connection and keeps what comes.
final class Elsewhere: Sendable {
  /// How it behaves.
  enum Manner: Sendable {
    /// Says nothing and hangs up after a while.
    case mute
    /// Answers with TLS and these certificates, speaking whatever is offered.
    case tls(chain: [Certificate], key: PrivateKey)
  }

  /// What came on one connection.
  struct Visit: Sendable {
    /// As it came.
    var bytes: [UInt8] = []
    /// What TLS made of it: what was told.
    var plaintext: [UInt8] = []
    var isAccepted = false
  }

  private let listeners: [any Channel]
  private let visited: Visited

  private final class Visited: Sendable {
    let visits = Mutex<[Visit]>([])
  }

  /// - Parameter ports: to listen on; 0 is any free one.
  init(_ manner: Manner, address: String = "127.0.0.1", ports: [Int] = [0]) async throws {
    let visited = Visited()
    self.visited = visited
    var listeners: [any Channel] = []
    for port in ports {
      let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let number = visited.visits.withLock {
              $0.append(Visit())
              return $0.count - 1
            }
            let pipeline = channel.pipeline.syncOperations
            let note: (@escaping @Sendable (inout Visit) -> Void) -> Void = { body in
              visited.visits.withLock { body(&$0[number]) }
            }
            try pipeline.addHandler(Raw { bytes in note { $0.bytes += bytes } })
            switch manner {
            case .mute:
              let bound = NIOLoopBound(channel, eventLoop: channel.eventLoop)
              channel.eventLoop.scheduleTask(in: .milliseconds(400)) { bound.value.close(promise: nil) }
            case .tls(let chain, let key):
              let spoken = ApplicationProtocol(offeredAt: port, of: ports)
              let context = try TLSContext.server(chain: chain, key: key, applicationProtocol: spoken)
              try pipeline.addHandlers(
                TLSHandler(context: context),
                Plain(
                  read: { bytes in note { $0.plaintext += bytes } }, accepted: { note { $0.isAccepted = true } }))
            }
          }
        }
        .bind(host: address, port: port).get()
      listeners.append(listener)
    }
    self.listeners = listeners
  }

  var port: Int { listeners[0].localAddress?.port ?? 0 }
  var visits: [Visit] { visited.visits.withLock { $0 } }

  func close() async {
    for listener in listeners { try? await listener.close() }
  }

  private final class Raw: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let read: ([UInt8]) -> Void
    init(_ read: @escaping ([UInt8]) -> Void) { self.read = read }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      read(Array(buffer: unwrapInboundIn(data)))
      context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  private final class Plain: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let read: ([UInt8]) -> Void
    private let accepted: () -> Void

    init(read: @escaping ([UInt8]) -> Void, accepted: @escaping () -> Void) {
      self.read = read
      self.accepted = accepted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { read(Array(buffer: unwrapInboundIn(data))) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if event is TLSHandshakeCompleted { accepted() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}

extension ApplicationProtocol {
  /// The first port stands for calls, the second for programs.
  fileprivate init(offeredAt port: Int, of ports: [Int]) {
    self = ports.count > 1 && port == ports[1] ? .http : .countersign
  }
}

extension Elsewhere.Visit {
  /// Types and lengths of the TLS records (RFC 8446 section 5.1); nil: something else came, or half a record.
  private var records: [(type: UInt8, length: Int, first: UInt8)]? {
    var (records, rest) = ([(type: UInt8, length: Int, first: UInt8)](), bytes[...])
    while !rest.isEmpty {
      guard rest.count > 5 else { return nil }
      let head = Array(rest.prefix(6))
      let length = Int(head[3]) << 8 | Int(head[4])
      guard rest.count >= 5 + length else { return nil }
      records.append((head[0], length, head[5]))
      rest = rest.dropFirst(5 + length)
    }
    return records
  }

  /// Whether nothing came but a ClientHello and, after a refusal, an alert: in the clear (7 bytes), or as 19 encrypted
  /// ones (2 bytes of alert, content type, tag), with the ChangeCipherSpec of RFC 8446 appendix D.4 before it.
  var isHelloOnly: Bool {
    guard plaintext.isEmpty, !isAccepted, let records else { return false }
    guard let hello = records.first else { return true }
    guard hello.type == 22, hello.first == 1 else { return false }
    return records.dropFirst().allSatisfy { record in
      (record.type == 20 && record.length == 1) || (record.type == 21 && record.length == 2)
        || (record.type == 23 && record.length == 19)
    }
  }
}
