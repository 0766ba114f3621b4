import Glibc
import Synchronization

/// TCP ports for programs that are started again on the same one. Outgoing connections get theirs from the range above,
/// so that none can take the port while its program is down.
public enum FixedPort {
  private static let range = 10_000..<32_000
  private static let last = Atomic(Int.random(in: range))

  /// A port that nobody listens on, on the loopback address, and that this gives once.
  public static func next() -> Int {
    while true {
      let count = last.add(1, ordering: .relaxed).newValue
      let port = range.lowerBound + count % range.count
      if isFree(port) { return port }
    }
  }

  private static func isFree(_ port: Int) -> Bool {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
