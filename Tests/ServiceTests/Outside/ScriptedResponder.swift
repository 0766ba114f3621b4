import Cryptography
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A responder that answers as a test says, in raw bytes, and counts what comes.
final class ScriptedResponder: Sendable {
  enum Behaviour: Sendable {
    /// DER in a proper HTTP answer.
    case answer(@Sendable (OCSPRequest) throws -> [UInt8])
    /// These bytes, whatever they are, and the end of the connection.
    case raw([UInt8])
    /// A proper head, then one byte of the body at a time, for ever.
    case drip
    case silence
  }

  private let state: Mutex<(behaviour: Behaviour, questions: Int)>
  private let listener: any Channel

  init(_ behaviour: Behaviour) async throws {
    let state = Mutex((behaviour: behaviour, questions: 0))
    let box = Box()
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Connection { try box.responder.withLock { $0 }?.take($0) })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.state = state
    box.responder.withLock { $0 = self }
  }

  private final class Box: Sendable {
    let responder = Mutex<ScriptedResponder?>(nil)
  }

  var port: Int { listener.localAddress?.port ?? 0 }
  var address: String { "http://127.0.0.1:\(port)/" }
  /// Whole requests that came.
  var questions: Int { state.withLock { $0.questions } }

  func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

  func stop() async { try? await listener.close() }

  fileprivate func take(_ body: [UInt8]) throws -> Reply {
    let behaviour = state.withLock { state in
      state.questions += 1
      return state.behaviour
    }
    switch behaviour {
    case .answer(let make): return .bytes(Self.http(try make(OCSPRequest(der: body))))
    case .raw(let bytes): return .bytes(bytes)
    case .drip: return .drip(Array(Self.http([UInt8](repeating: 0x30, count: 5_000)).dropLast(5_000)))
    case .silence: return .nothing
    }
  }

  /// A 200 answer with a body.
  static func http(_ body: [UInt8], status: String = "200 OK", type: String = "application/ocsp-response") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
  }
}

private enum Reply {
  case bytes([UInt8])
  case drip([UInt8])
  case nothing
}

/// Reads one POST and replies.
private final class Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let take: @Sendable ([UInt8]) throws -> Reply?
  private var received: [UInt8] = []
  private var isAnswered = false

  init(_ take: @escaping @Sendable ([UInt8]) throws -> Reply?) { self.take = take }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
    guard !isAnswered, let head = received.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound,
      let line = String(decoding: received[..<head], as: UTF8.self).lowercased().components(separatedBy: "\r\n")
        .first(where: { $0.hasPrefix("content-length:") }),
      let count = Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces))
    else { return }
    guard received.count >= head + count else { return }
    isAnswered = true
    let channel = context.channel
    switch try? take(Array(received[head..<(head + count)])) {
    case .bytes(let bytes)?:
      channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in channel.close(promise: nil) }
    case .drip(let bytes)?:
      channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
      channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(50)) { task in
        guard channel.isActive else { return task.cancel() }
        channel.writeAndFlush(ByteBuffer(bytes: [0x30]), promise: nil)
      }
    case .nothing?: break
    case nil: channel.close(promise: nil)
    }
  }
}
