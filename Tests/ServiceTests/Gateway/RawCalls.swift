import CountersignRPC
import Cryptography
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// Calls without a clock on this side: only what the other end says counts.
final class RawCalls: BatchReceiver, @unchecked Sendable {
  // Everything but `answers` is used on the event loop alone, which is why it may be shared.
  private var connection: BatchConnection?
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
  private let answers = Mutex<[RPCStatus?]>([])
  private let isOpen = Gate()

  /// - Parameter host: by which the gateway is reached; it sees a terminal of the same address.
  static func connect(_ gateway: TestGateway, host: String = "127.0.0.1") async throws -> RawCalls {
    let calls = RawCalls()
    let root = try #require(gateway.chain("tls.pem")?.last)
    try await BatchConnection.connect(
      ClientConfiguration(host: host, port: Int(gateway.port), program: "raw"),
      tls: .client(
        verify: .init(rootFingerprint: root.fingerprint, dnsName: "gateway.test", role: .gateway)),
      on: calls.eventLoop
    ) { calls }.get()
    try await calls.isOpen.pass()
    return calls
  }

  /// - Returns: the stream.
  @discardableResult
  func send(_ method: String, _ request: [UInt8] = [], timeoutMicroseconds: UInt64) async throws -> UInt32 {
    try await eventLoop.submit { [self] in
      let header = BatchConnection.Header(
        method: method, options: CallOptions(timeoutMicroseconds: timeoutMicroseconds))
      let sent = request.withUnsafeBytes { connection?.send(header, tag: 1, $0) }
      connection?.flush()
      guard case .stream(let stream)? = sent else { throw RPCStatus(.internal, "not sent") }
      return stream
    }.get()
  }

  func cancel(_ stream: UInt32) async throws {
    try await eventLoop.submit { [self] in connection?.cancel(stream) }.get()
  }

  /// The status of the next answer; nil is OK.
  func next() async throws -> RPCStatus? {
    for _ in 0..<1_000 {
      let answer: RPCStatus?? = answers.withLock { $0.isEmpty ? nil : .some($0.removeFirst()) }
      if let answer { return answer }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("no answer came")
    return nil
  }

  func close() async { try? await eventLoop.submit { [self] in connection?.close() }.get() }

  func opened(_ connection: BatchConnection) {
    self.connection = connection
    isOpen.open()
  }

  func receive(tag: UInt64, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    answers.withLock { $0.append(status) }
  }

  func readComplete(_ connection: BatchConnection) {}

  func closed(_ connection: BatchConnection, open tags: [UInt64], _ reason: RPCStatus) { self.connection = nil }
}
