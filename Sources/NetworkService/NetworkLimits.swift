import NIOCore

/// Limits of the network service, each with the reason for its value.
enum NetworkLimits {
  /// Bytes of a request: no browser sends more for a page without cookies.
  static let requestBytes = 16 << 10
  /// From the first byte of a request to its end: 16 KiB at 13 kbit/s.
  static let requestTime = TimeAmount.seconds(10)
  /// Between two requests of one connection.
  static let idleTime = TimeAmount.seconds(30)
  /// For each piece of an answer to leave: 64 KiB at 17 kbit/s. A reader that is slower is cut off.
  static let pieceTime = TimeAmount.seconds(30)
  /// Bytes of a file that are read, encrypted and sent at once; a connection holds no more.
  static let piece = 64 << 10
  /// Connections at once. Each holds one piece and TLS's own buffers, together about 64 MiB.
  static let connections = 512
  /// Requests of one connection; a client that asks for more connects again.
  static let requestsPerConnection = 100
  /// Threads that read files: more of them would only wait for the same disk.
  static let readers = 2
}
