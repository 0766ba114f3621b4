import Bytes

/// JSON for programs that read our output.
public typealias JSON = Bytes.JSON

/// A number of things for people, for example "1 payment" and "2 payments".
///
/// - Parameter name: of one.
public func counted(_ count: some BinaryInteger, _ name: String) -> String {
  "\(count) \(name)\(count == 1 ? "" : "s")"
}

/// Times for people, UTC.
public typealias TimeText = Bytes.TimeText

/// `HOST:PORT` as people write it; an IPv6 address stands in brackets.
public enum Address {
  static let form = "must be HOST:PORT, for example pay.example:7443"

  /// - Parameter argument: the option or argument that it comes from.
  /// - Throws: ``ProgramError`` that names it.
  public static func parse(_ text: String, _ argument: String) throws -> (host: String, port: UInt16) {
    guard let address = read(text) else { throw ProgramError(.usage, "\(argument) \"\(text)\": \(form)") }
    return address
  }

  static func read(_ text: String) -> (host: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(digits: text[text.index(after: colon)...]), port > 0
    else {
      return nil
    }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return host.isEmpty ? nil : (String(host), port)
  }
}
