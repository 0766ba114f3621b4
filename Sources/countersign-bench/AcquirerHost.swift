import AcquirerISO8583
import ArgumentParser
import ISO8583
import NIOCore
import NIOPosix
import Payments
import ProgramSupport

/// The other end of an ISO 8583 link that approves everything at once: what the link and the ledger are measured
/// against. For anything but rates take Tests/Python/acquirer_host.py, which shares no code with the link.
struct AcquirerHost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "acquirer-host", abstract: "An acquirer that approves everything at once.",
    discussion: """
      Prints "listening on port N" and runs until it is ended.

      EXAMPLE
        countersign-bench acquirer-host --config dialects/example-1987.conf --port 7583
      """)

  @Option(help: "Configuration of the link, for its field table, header and codes.")
  var config: String

  @Option(help: "TCP port; 0 takes any free one.")
  var port: Int = 7_583

  func run() async throws {
    try await Program.run {
      let dialect = try Dialect(path: config)
      let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ApprovingHandler(dialect: dialect))
          }
        }
        .bind(host: "127.0.0.1", port: port).get()
      Console.print("listening on port \(channel.localAddress?.port ?? 0)")
      try await channel.closeFuture.get()
    }
  }
}

/// Answers every request with the fields that it is matched by and the dialect's code for "done".
private final class ApprovingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let dialect: Dialect
  private var input = ByteBuffer()
  private var (request, reply) = (Message(), Message())
  private var output: [UInt8] = []
  private var encoded: [UInt8] = []

  init(dialect: Dialect) { self.dialect = dialect }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    input.writeBuffer(&bytes)
    while true {
      guard case .message(let range) = input.withUnsafeReadableBytes({ dialect.header.next(in: $0) }) else { break }
      input.withUnsafeReadableBytes { answer(UnsafeRawBufferPointer(rebasing: $0[range])) }
      input.moveReaderIndex(forwardBy: range.upperBound)
    }
    input.discardReadBytes()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    guard !output.isEmpty else { return }
    context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: output)), promise: nil)
    output.removeAll(keepingCapacity: true)
  }

  private func answer(_ bytes: UnsafeRawBufferPointer) {
    guard (try? dialect.table.decode(bytes, into: &request)) != nil else { return }
    reply.erase()
    reply.type = request.type / 10 * 10 + 10
    for field in [4, 7, 11, 37, 41] where request.has(field) {
      request.withBytes(of: field) { reply.set(field, $0) }
    }
    reply.set(39, done.utf8)
    if request.type / 100 % 10 == 2 { reply.set(38, "000001".utf8) }
    encoded.removeAll(keepingCapacity: true)
    guard (try? dialect.table.encode(reply, into: &encoded)) != nil else { return }
    dialect.header.append(messageOf: encoded.count, to: &output)
    output.append(contentsOf: encoded)
  }

  private var done: String {
    let (list, meaning): (Dialect.CodeList, Dialect.Meaning) =
      switch request.type / 100 % 10 {
      case 8: (.network, .approved)
      case 4: (.reversal, .reversed)
      case 3: (.inquiry, .approved)
      default: (.sale, .approved)
      }
    return dialect.codes[list]?.meanings.first { $0.value == meaning }?.key.text ?? "00"
  }
}
