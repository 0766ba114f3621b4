import Foundation
import Testing

/// Server and gateway when file descriptors run out, and when somebody opens connections and says nothing.
@Suite(.serialized) struct DescriptorTests {
  @Test func withoutDescriptorsNothingSpinsAndServiceReturnsByItself() async throws {
    let desk = try Desk()
    let process = desk.server.processIdentifier
    try Self.limit(process, to: try Self.descriptors(process))
    let before = try Self.ticks(process)
    let silent = (0..<50).compactMap { _ in SilentConnection(port: desk.server.port) }
    #expect(silent.count == 50)
    try await desk.server.logs("connections cannot be accepted")
    try await Task.sleep(for: .seconds(3))
    // An accept that fails as fast as it can takes a whole core: 300 ticks.
    let used = try Self.ticks(process) - before
    #expect(used < 100, "\(used) ticks of 10 ms")
    #expect(desk.server.logText.ranges(of: "connections cannot be accepted").count == 1)

    try Self.limit(process, to: 1_024)
    let login = try desk.terminal(["login"])
    #expect(login.status == 0, "\(login)")
  }

  @Test func whoSaysNothingTakesOnlyItsPartAndOthersAreServed() async throws {
    let desk = try Desk()
    let process = desk.server.processIdentifier
    let idle = try Self.descriptors(process)
    var silent = (0..<600).compactMap { _ in SilentConnection(port: desk.server.port) }
    try await desk.server.logs("too many TLS handshakes at once")
    #expect(silent.count == 600)
    #expect(try Self.descriptors(process) <= idle + 256 + 16)
    let other = try Program.shell(
      "openssl s_client -bind 127.0.0.2:0 -connect localhost:\(desk.server.port) -tls1_3 -alpn countersign/1 </dev/null"
    )
    #expect(other.output.contains("ALPN protocol: countersign/1"), "\(other)")
    silent.removeAll()
    let login = try desk.terminal(["login"])
    #expect(login.status == 0, "\(login)")
  }

  @Test(.timeLimit(.minutes(2))) func howManyHandshakesOneSourceMayHaveIsASetting() async throws {
    let server = try ServerProcess(environment: ["COUNTERSIGN_HANDSHAKES_PER_SOURCE": "3"])
    try server.start()
    let idle = try Self.sockets(server.processIdentifier)
    let silent = (0..<20).compactMap { _ in SilentConnection(port: server.port) }
    try await server.logs("too many TLS handshakes at once")
    #expect(silent.count == 20)
    while silent.count(where: \.isClosed) < 17 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(try Self.sockets(server.processIdentifier) <= idle + 3)
  }

  /// Nothing but the limit of all refuses the first connection of an address.
  @Test(.timeLimit(.minutes(2))) func howManyHandshakesThereMayBeIsASetting() async throws {
    let server = try ServerProcess()
    try server.start(["--handshakes", "1"])
    let gateway = try GatewayProcess(environment: ["COUNTERSIGN_HANDSHAKES": "1"])
    for port in [server.port, gateway.port] {
      let silent = ["127.0.0.1", "127.0.0.2"].map { SilentConnection(from: $0, port: port) }
      try await (port == server.port ? server.logs : gateway.logs)("source=127.0.0.2")
      #expect(silent.allSatisfy { $0 != nil })
    }
  }

  @Test(.timeLimit(.minutes(2))) func oneSourceLeavesTheOCSPResponderToOthers() async throws {
    let server = try ServerProcess()
    let port = try server.startWithResponder()
    let silent = (0..<600).compactMap { _ in SilentConnection(port: port) }
    #expect(silent.count == 600)
    try await server.logs("too many OCSP connections at once")
    let (root, tls) = (server.root, "\(server.root)/server/tls/chain.pem")
    let issuing = "\(server.root)/server/authority/issuing.pem"
    let asked = try Program.shell(
      """
      cd '\(root)' && openssl ocsp -no_nonce -issuer '\(issuing)' -cert '\(tls)' -reqout ask.der &&
      curl -sS --interface 127.0.0.2 -H 'Content-Type: application/ocsp-request' --data-binary @ask.der -o told.der \
        http://127.0.0.1:\(port)/ &&
      openssl ocsp -respin told.der -issuer '\(issuing)' -cert '\(tls)' -CAfile '\(server.root)/server/authority/root.pem'
      """)
    #expect(asked.status == 0 && asked.output.contains("This Update"), "\(asked)")
    #expect(silent.count { !$0.isClosed } <= 128)
  }

  @Test(.timeLimit(.minutes(2))) func howManyConnectionsTheOCSPResponderHasIsASetting() async throws {
    let server = try ServerProcess(environment: ["COUNTERSIGN_OCSP_CONNECTIONS_PER_SOURCE": "3"])
    server.arguments = ["--ocsp-connections", "4"]
    let port = try server.startWithResponder()
    let silent = (0..<20).compactMap { _ in SilentConnection(port: port) }
    #expect(silent.count == 20)
    while silent.count(where: \.isClosed) < 17 { try await Task.sleep(for: .milliseconds(5)) }
    let others = ["127.0.0.2", "127.0.0.3"].map { SilentConnection(from: $0, port: port) }
    try await server.logs("source=127.0.0.1")
    #expect(others.allSatisfy { $0 != nil })
    let run = try Program.run(
      "countersign-server",
      ["run", "--data", "\(server.root)/server", "--acquirer", "simulator", "--ocsp-connections-per-source", "513"])
    #expect(run.status == 64 && run.errors.contains("--ocsp-connections-per-source"), "\(run)")
  }

  @Test(arguments: [
    (["--handshakes", "0"], "--handshakes \"0\": must be a number from 1 to 1000000"),
    (
      ["--handshakes", "9", "--handshakes-per-source", "10"],
      "--handshakes-per-source \"10\": must be a number from 1 to 9"
    ),
  ])
  func aWrongNumberOfHandshakesIsAWrongFlag(_ arguments: [String], _ words: String) throws {
    for program in ["countersign-server", "countersign-gateway"] {
      let desk = try Desk.shared.get()
      let common = ["run", "--data", "\(desk.server.root)/server"]
      let own = program == "countersign-server" ? ["--acquirer", "simulator"] : ["--passphrase-file", "/dev/null"]
      let run = try Program.run(program, common + own + arguments)
      #expect(run.status == 64 && run.errors.contains(words), "\(program) \(run)")
    }
  }

  private static func limit(_ process: Int32, to descriptors: Int) throws {
    let limited = try Program.shell("prlimit --pid \(process) --nofile=\(descriptors):")
    try #require(limited.status == 0, "\(limited)")
  }

  private static func descriptors(_ process: Int32) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
  }

  private static func sockets(_ process: Int32) throws -> Int {
    let folder = "/proc/\(process)/fd"
    return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
      // One that is closed meanwhile is none.
      let end = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
      return end?.hasPrefix("socket:") ?? false
    }
  }

  /// User and system time, in hundredths of a second (proc(5)).
  private static func ticks(_ process: Int32) throws -> Int {
    let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    return try #require(Int(fields[11])) + #require(Int(fields[12]))
  }
}

/// A TCP connection that sends nothing.
private final class SilentConnection {
  private let descriptor: Int32

  init?(from source: String = "127.0.0.1", port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.use(descriptor, source, 0, bind), Self.use(descriptor, "127.0.0.1", port, Glibc.connect) else {
      close(descriptor)
      return nil
    }
  }

  deinit { close(descriptor) }

  /// Whether the server ends it.
  var isClosed: Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&wanted, 1, 0) == 1 else { return false }
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, 0) <= 0
  }

  private static func use(
    _ descriptor: Int32, _ host: String, _ port: Int,
    _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr(host)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
