import Glibc
import NIOCore

/// An address and port that could not be listened on.
public struct ListenError: Error, Sendable, CustomStringConvertible {
  public let host: String
  public let port: UInt16
  /// What was wrong, and what to do.
  private let cause: String

  /// - Parameters:
  ///   - option: how the port is set, for example "--port".
  ///   - hostOption: how the address is set.
  ///   - cause: what binding threw.
  public init(host: String, port: UInt16, option: String, hostOption: String, cause: any Error) {
    (self.host, self.port) = (host, port)
    self.cause =
      switch (cause as? IOError)?.errnoCode {
      case EADDRINUSE?: "the port is in use; stop what listens there, or choose another one with \(option)"
      case EACCES?:
        "not permitted: ports below 1024 are for root; choose another one with \(option), or give the program "
          + "CAP_NET_BIND_SERVICE"
      case EADDRNOTAVAIL?: "this machine has no such address; choose one of its own with \(hostOption)"
      case EAFNOSUPPORT?: "this machine has no addresses of this kind; choose another one with \(hostOption)"
      case let code?: "\(String(cString: strerror(code))); choose others with \(hostOption) and \(option)"
      case nil where cause is SocketAddressError.UnknownHost:
        "there is no such address or host name; choose one of this machine's with \(hostOption)"
      case nil: "\(cause)"
      }
  }

  public var description: String { "cannot listen on \(host) port \(port): \(cause)" }
}
