import ArgumentParser
import Authority
import CountersignRPC
import Cryptography
import Logging
import NIOCore
import ProgramSupport
import TLS

/// Calls that do nothing, over TLS, to a server in this process.
struct RPCBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc", abstract: "Echo calls of 300 bytes in a closed loop.",
    discussion: """
      Prints "rpc SHAPE RATE". Exits with 1 where a reply differs from its request.

      EXAMPLE
        countersign-bench rpc --shape 64x16
      """)

  @Option(help: "Connections and open calls on each.")
  var shape: Shape

  @Option(help: "Seconds to send.")
  var seconds: Double = 4

  @Option(help: "Event loops of the load generator.")
  var loops: Int = 1

  @Option(help: "Event loops of the server.")
  var serverLoops: Int = 1

  func run() async throws {
    try await Program.run {
      let certificates = try Certificates()
      var methods = MethodTable()
      methods.addInLoop("/bench.Echo/Call") { Echo(loop: $0) }
      let server = RPCServer(
        configuration: ServerConfiguration(host: "127.0.0.1", port: 0, program: "bench", loops: serverLoops),
        tls: try .server(chain: certificates.chain, key: certificates.key), methods: methods,
        logger: Logger(label: "bench"))
      let port = try await server.start()
      let load = LoadRun(
        shape: shape, seconds: seconds, loops: loops,
        configuration: ClientConfiguration(host: "127.0.0.1", port: port, program: "bench"),
        tls: try .client(
          verify: ServerVerification(rootFingerprint: certificates.root.fingerprint, dnsName: nil, role: .server)),
        header: BatchConnection.Header(method: "/bench.Echo/Call"))
      let total = try await load.run { _ in EchoSource() }
      await server.shutdown(drain: .seconds(1))
      if let failure = total.failures.first { throw ProgramError(.refused, failure) }
      report("rpc", shape, calls: total.answered, nanoseconds: total.nanoseconds)
    }
  }
}

/// Certificates for one run.
struct Certificates {
  let root: Certificate
  let chain: [Certificate]
  let key = PrivateKey.generate(.p256)

  init() throws {
    let now = TLSContext.wallClock()
    let authority = try Issuer.makeRoot(serviceName: "bench", now: now).makeIssuing(now: now)
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: key, commonName: "localhost", organisation: nil))
    let leaf = try authority.issue(
      request, role: .server, commonName: "localhost", organisation: nil, dnsNames: ["localhost"], now: now)
    chain = [leaf] + authority.chain
    root = chain[chain.count - 1]
  }
}

/// Answers each request with itself.
private final class Echo: InLoopHandler {
  private unowned let loop: ServerLoop
  init(loop: ServerLoop) { self.loop = loop }
  func receive(_ call: InLoopCall, _ request: UnsafeRawBufferPointer) {
    loop.respond(call) { $0.writeBytes(request) }
  }
  func readComplete() {}
}

/// Sends 300 bytes and wants them back.
private final class EchoSource: LoadSource {
  private let message = [UInt8](repeating: 0x5A, count: 300)
  func request(_ index: Int) -> [UInt8]? { message }
  func answered(_ index: Int, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    precondition(
      status == nil && reply.elementsEqual(message), "an echo came back changed: \(String(describing: status))")
  }
}
