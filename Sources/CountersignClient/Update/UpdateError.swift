import Glibc
import NIOCore
import NIOPosix
import TLS

/// Why a program was not updated. Whatever it is, the installed program is as it was.
public enum UpdateError: Error, Sendable, CustomStringConvertible {
  /// The profile names no network service.
  case noNetworkService
  /// The network service has no program for this platform.
  case notOffered
  /// What is offered is older than what is installed.
  case older(offered: String, installed: String)
  /// The network service could not be reached or did not answer in time.
  case unreachable(String)
  /// Server, description or program is not the pinned service's, or was altered.
  case untrusted(String)
  /// Another update of the same file is running.
  case busy(String)
  /// The new program does not start on this machine.
  case unusable(String)

  public var description: String {
    switch self {
    case .noNetworkService:
      "the profile names no network service; the service offers none, or the profile is older: "
        + "it comes anew with the next renewal, or enrol again with --replace"
    case .notOffered: "the network service offers no program for this platform"
    case .older(let offered, let installed):
      "the network service offers \(offered), which is older than the installed \(installed); nothing was changed"
    case .busy(let path): "another update of \(path) is running; wait for it"
    case .unreachable(let text), .untrusted(let text), .unusable(let text): text
    }
  }

  static func cut(_ path: String) -> UpdateError {
    .unreachable("the connection ended before all of \(path) had come; nothing was changed")
  }

  /// What TLS says about the other end.
  init(_ error: TLSError, _ path: String) {
    switch error {
    case .certificateRefused, .rootNotPresented, .chainUnreadable, .noALPN, .contextInvalid:
      self = .untrusted("the network service is not the profile's: \(error)")
    case .uncleanShutdown: self = .cut(path)
    case .handshakeTimeout, .protocolError: self = .unreachable("\(error)")
    }
  }

  /// The system's words for a connection that could not be made.
  static func words(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { words($0.error) } ?? "the name is not known"
    case is ChannelError: "no answer"
    default: "\(error)"
    }
  }
}
