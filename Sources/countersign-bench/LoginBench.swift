import ArgumentParser
import CountersignClient
import CountersignRPC
import Cryptography
import Files
import Messages
import NIOCore
import ProgramSupport
import TLS

/// Full logins, and beside them what bare mutual TLS handshakes cost on the same machine.
struct LoginBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "login", abstract: "Full logins in a closed loop: challenge, both chains and signatures, identity.",
    discussion: """
      Prints "login AT-ONCE RATE" and "handshake AT-ONCE RATE". A login is durable when it counts: its session, journal
      record and second identity are committed. Each worker has its own consultant and keeps its connection. A handshake
      is a new connection with certificates on both sides and one BeginLogin, which costs the server no signature.
      With --authority the certificates are of an outside authority, whose OCSP responder is this process; the row is
      "login-ocsp" or what --name says, and handshakes are left out.

      EXAMPLE
        countersign-bench login --server localhost:7443 --admin DATA/admin --work /tmp/fleet --at-once 16
      """)

  @Option(help: "Host and port of the service.")
  var server: String

  @Option(help: "Folder with the administrator's chain.pem and key.pem.")
  var admin: String

  @Option(help: "Folder for the terminals that are enrolled; kept for the next run.")
  var work: String

  @Option(help: "Workers.")
  var atOnce: Int = 16

  @Option(help: "Folder that countersign-bench authority made; else certificates are the service's own.")
  var authority: String?

  @Option(help: "Port for the authority's OCSP responder, as given to countersign-bench authority.")
  var ocspPort: Int = 17_480

  @Option(help: "Name of the row.")
  var name: String?

  @Option(help: "Time to measure each.")
  var seconds: Double = 4

  func run() async throws {
    try await Program.run {
      let (host, port) = try Address.parse(server, "--server")
      let authority = authority.map(BenchAuthority.init)
      let responder = try await authority?.answer(port: ocspPort)
      var fleet = Fleet(
        folder: work, host: host, port: port,
        administrator: try Administrator(
          certificate: "\(admin)/chain.pem", key: "\(admin)/key.pem", host: host, port: port))
      fleet.authority = authority
      let terminals = try await fleet.terminals(atOnce)
      try await measure(name ?? (authority == nil ? "login" : "login-ocsp")) { worker, isOver in
        let channel = try terminals[worker].connect()
        defer { channel.closeSoon() }
        var count = 0
        while !isOver() {
          _ = try await terminals[worker].login(over: channel)
          count += 1
        }
        return count
      }
      if let responder { return await responder.stop() }
      let tls = try mutualTLS()
      try await measure("handshake") { _, isOver in
        var count = 0
        while !isOver() {
          let client = RPCClient(host: host, port: port, tls: tls)
          _ = try await CheckoutClient(client).beginLogin(BeginLoginRequest())
          await client.close()
          count += 1
        }
        return count
      }
    }
  }

  /// Runs all workers until the time is over, and prints what they did in a second.
  private func measure(
    _ name: String, _ worker: @escaping @Sendable (Int, @Sendable () -> Bool) async throws -> Int
  ) async throws {
    let start = NIODeadline.now()
    let end = start + .nanoseconds(Int64(seconds * 1e9))
    let count = try await withThrowingTaskGroup(of: Int.self) { group in
      for index in 0..<atOnce { group.addTask { try await worker(index) { NIODeadline.now() >= end } } }
      return try await group.reduce(0, +)
    }
    let nanoseconds = max(1, (NIODeadline.now() - start).nanoseconds)
    Console.print("\(name) \(atOnce) \(Int64(count) * 1_000_000_000 / nanoseconds)")
  }

  private func mutualTLS() throws -> TLSContext {
    let chain = try Certificate.fromPEM(try Files.read("\(admin)/chain.pem"))
    guard let root = chain.last else { throw ProgramError(.file, "\(admin)/chain.pem holds no certificate") }
    return try .client(
      verify: ServerVerification(rootFingerprint: root.fingerprint, dnsName: nil, role: .server), chain: chain,
      key: try PrivateKey(pem: try Files.readSecret("\(admin)/key.pem"), passphrase: nil))
  }
}
