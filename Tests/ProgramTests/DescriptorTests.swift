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

  private static func limit(_ process: Int32, to descriptors: Int) throws {
    let limited = try Program.shell("prlimit --pid \(process) --nofile=\(descriptors):")
    try #require(limited.status == 0, "\(limited)")
  }

  private static func descriptors(_ process: Int32) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
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

  init?(port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.connect(descriptor, port) else {
      close(descriptor)
      return nil
    }
  }

  deinit { close(descriptor) }

  private static func connect(_ descriptor: Int32, _ port: Int) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
