import CountersignRPC
import Cryptography
import Echo
import Foundation
import Logging
import TLS

/// A service with a proto of its own on Countersign's transport: starts it, calls it, is refused once, and stops.
///
/// Usage: echo-example FOLDER, where FOLDER has chain.pem (role `server`, root last) and key.pem, for example DATA/tls
/// of a `countersign-server init`.
@main
struct EchoExample {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else {
      print("usage: echo-example FOLDER, with chain.pem and key.pem in it")
      exit(64)
    }
    let folder = URL(filePath: CommandLine.arguments[1])
    let chain = try Certificate.fromPEM([UInt8](Data(contentsOf: folder.appending(path: "chain.pem"))))
    let key = try PrivateKey(pem: [UInt8](Data(contentsOf: folder.appending(path: "key.pem"))), passphrase: nil)

    var methods = MethodTable()
    EchoService().register(in: &methods)
    let server = RPCServer(
      configuration: ServerConfiguration(host: "127.0.0.1", port: 0, program: "echo/1.0"),
      tls: try .server(chain: chain, key: key), methods: methods, logger: Logger(label: "echo"))
    let port = try await server.start()
    print("listening on port \(port)")

    try await call(port: port, root: chain[chain.count - 1])
    await server.shutdown(drain: .seconds(1))
    print("echo-example: done")
  }

  private static func call(port: Int, root: Certificate) async throws {
    let channel = RPCClient(
      host: "127.0.0.1", port: UInt16(port),
      tls: try .client(verify: ServerVerification(rootFingerprint: root.fingerprint, dnsName: nil, role: .server)))
    let client = EchoClient(channel)
    var request = SayRequest()
    (request.text, request.times) = ("hello", 2)
    print(try await client.say(request, options: CallOptions(timeoutMicroseconds: 2_000_000)).texts)
    do {
      _ = try await client.say(SayRequest())
    } catch {
      print("refused as it should be: \(error)")
    }
    await channel.close()
  }
}

struct EchoService: EchoServiceProtocol {
  func say(_ request: SayRequest, context: ServerContext) async throws -> SayReply {
    guard !request.text.isEmpty else { throw RPCStatus.invalidField("text", "must not be empty") }
    guard request.times <= 10 else { throw RPCStatus.invalidField("times", "must be at most 10") }
    var reply = SayReply()
    reply.texts = Array(repeating: request.text, count: Int(max(1, request.times)))
    return reply
  }
}
