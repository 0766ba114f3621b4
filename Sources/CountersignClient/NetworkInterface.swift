import Files
import Glibc

/// The network interface whose MAC address binds a terminal.
///
/// Source: docs/security.md, "MAC address".
public struct NetworkInterface: Sendable, Equatable {
  /// Name of the interface, for example "eth0".
  public let name: String

  /// The interface of this name.
  ///
  /// - Throws: ``TerminalError/interface(_:)`` where there is none.
  public init(named name: String) throws(TerminalError) {
    let isPlain = !name.isEmpty && name.utf8.count < 16 && !name.utf8.contains(UInt8(ascii: "/"))
    guard isPlain, Files.exists("/sys/class/net/\(name)") else {
      throw .interface("no network interface is called \"\(name)\"; see ip link")
    }
    self.name = name
  }

  /// The default: the Ethernet or Wi-Fi interface with the lowest index that is up and takes part in ARP, which leaves
  /// loopback and the kernel's helper devices out.
  ///
  /// - Throws: ``TerminalError/interface(_:)`` where there is none.
  public static func standard() throws(TerminalError) -> NetworkInterface {
    let names = (try? Files.names(in: "/sys/class/net")) ?? []
    let usable = names.compactMap { name -> (index: Int, name: String)? in
      guard number(name, "type") == ethernetType, let flags = number(name, "flags"),
        let index = number(name, "ifindex"),
        flags & upFlag != 0, flags & (loopbackFlag | noARPFlag) == 0
      else { return nil }
      return (index, name)
    }
    guard let first = usable.min(by: { $0.index < $1.index }) else {
      throw .interface("no Ethernet or Wi-Fi interface is up; name one with --interface")
    }
    return try NetworkInterface(named: first.name)
  }

  /// Six bytes in transmission order: the permanent address where the device tells one, else the current address.
  ///
  /// - Throws: ``TerminalError/interface(_:)`` where it has no usable address.
  public func macAddress() throws(TerminalError) -> [UInt8] {
    let address = permanentAddress() ?? currentAddress()
    guard let address, address.contains(where: { $0 != 0 }), address[0] & 1 == 0 else {
      throw .interface("\(name) has no MAC address of its own; name another interface with --interface")
    }
    return address
  }

  /// ETHTOOL_GPERMADDR (linux/ethtool.h): u32 command, u32 size, then the address.
  private func permanentAddress() -> [UInt8]? {
    let socket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    guard socket >= 0 else { return nil }
    defer { close(socket) }
    var question = [UInt8](repeating: 0, count: 8 + 32)
    withUnsafeBytes(of: UInt32(0x20)) { question.replaceSubrange(0..<4, with: $0) }
    withUnsafeBytes(of: UInt32(32)) { question.replaceSubrange(4..<8, with: $0) }
    let answered = question.withUnsafeMutableBytes { question in
      var request = [UInt8](repeating: 0, count: 40)
      request.replaceSubrange(0..<name.utf8.count, with: name.utf8)
      withUnsafeBytes(of: question.baseAddress) { request.replaceSubrange(16..<24, with: $0) }
      return request.withUnsafeMutableBytes { ioctl(socket, Self.ethtoolRequest, $0.baseAddress!) == 0 }
    }
    let size = question[4..<8].withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    let address = Array(question[8..<14])
    return answered && size == 6 && address.contains { $0 != 0 } ? address : nil
  }

  private func currentAddress() -> [UInt8]? {
    let parts = Self.text(name, "address")?.split(separator: ":").map { UInt8($0, radix: 16) } ?? []
    let bytes = parts.compactMap { $0 }
    return parts.count == 6 && bytes.count == 6 ? bytes : nil
  }

  private static let ethernetType = 1  // ARPHRD_ETHER
  private static let upFlag = 0x1  // IFF_UP
  private static let loopbackFlag = 0x8  // IFF_LOOPBACK
  private static let noARPFlag = 0x80  // IFF_NOARP
  private static let ethtoolRequest: UInt = 0x8946  // SIOCETHTOOL

  private static func number(_ name: String, _ field: String) -> Int? {
    guard let text = text(name, field) else { return nil }
    return text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }

  private static func text(_ name: String, _ field: String) -> String? {
    guard let bytes = try? Files.read("/sys/class/net/\(name)/\(field)", limit: 4_096) else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
