/// Exit codes of all programs; the same table stands in docs/operations.md.
public enum ExitStatus: Int32, Sendable {
  /// Done; a payment was approved.
  case success = 0
  /// Refused or declined; nothing was charged.
  case refused = 1
  /// A payment's outcome is not known yet; ask again with its key.
  case outcomeUnknown = 2
  /// What people must judge: two records that should agree do not, or digits may be part of a card or chance.
  case differences = 3
  /// The command line is wrong (EX_USAGE).
  case usage = 64
  /// The input is wrong, for example the card's JSON (EX_DATAERR).
  case input = 65
  /// The service could not be reached or cannot serve now; nothing was charged (EX_UNAVAILABLE).
  case unreachable = 69
  /// A fault of the program (EX_SOFTWARE).
  case fault = 70
  /// A file could not be read or written (EX_IOERR).
  case file = 74
  /// A certificate, profile or key is not to be trusted or could not be opened (EX_NOPERM).
  case untrusted = 77
  /// A setting is wrong or the folder is not what it must be (EX_CONFIG).
  case configuration = 78
}

/// An error that knows the exit code of a program that it ends.
public protocol ProgramEnding: Error {
  var status: ExitStatus { get }
}

/// An error that ends a program: what was wrong, what to do, and its exit code.
public struct ProgramError: ProgramEnding, Sendable, CustomStringConvertible {
  public let status: ExitStatus
  public let description: String

  public init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
