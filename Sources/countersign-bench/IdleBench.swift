import ArgumentParser
import CountersignClient
import CountersignRPC
import Files
import Messages
import NIOCore
import NIOPosix
import ProgramSupport
import TLS

/// What an idle connection costs the server.
struct IdleBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "idle", abstract: "Resident memory of the server for each idle connection.",
    discussion: """
      Prints "idle COUNT BYTES": growth of the process's resident memory divided by connections.

      EXAMPLE
        countersign-bench idle --server localhost:7443 --terminal /tmp/fleet/0 --pid 4711
      """)

  @Option(help: "Host and port of the service.")
  var server: String

  @Option(help: "Folder of an enrolled terminal made by the payment benchmark.")
  var terminal: String

  @Option(help: "Process id of the server.")
  var pid: Int

  @Option(help: "Connections to open.")
  var connections: Int = 1_000

  func run() async throws {
    try await Program.run {
      let (host, port) = try Address.parse(server, "--server")
      let terminal = try Terminal(
        folder: TerminalFolder(terminal), passphrase: Fleet.passphrase, program: "countersign-bench 1.0.0")
      let tls = try terminal.transport()
      // The first connections also pay for what the server makes once.
      let warm = try await open(50, host, port, tls)
      let before = try residentBytes()
      let clients = try await open(connections, host, port, tls)
      let after = try residentBytes()
      Console.print("idle \(connections) \((after - before) / connections)")
      for client in warm + clients { await client.close() }
    }
  }

  /// Each client makes one call, so that its connection is whole.
  private func open(_ count: Int, _ host: String, _ port: UInt16, _ tls: TLSContext) async throws -> [RPCClient] {
    var clients: [RPCClient] = []
    for _ in 0..<count {
      let client = RPCClient(host: host, port: port, tls: tls)
      _ = try await CheckoutClient(client).beginLogin(BeginLoginRequest())
      clients.append(client)
    }
    return clients
  }

  private func residentBytes() throws -> Int {
    let fields = String(decoding: try Files.read("/proc/\(pid)/statm"), as: UTF8.self).split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { throw ProgramError(.file, "/proc/\(pid)/statm") }
    return pages * 4_096
  }
}
