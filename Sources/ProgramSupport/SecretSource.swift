import Cryptography
import Files
import Glibc

/// A file that holds a passphrase or PIN.
public enum SecretSource: Sendable {
  /// Nobody else may be able to read it.
  case file(String)
  /// Placed by systemd, which grants the right to read it by an access control list that shows in the group's bits.
  case credential(String)

  /// - Parameters:
  ///   - path: as configured; nil: the credential where systemd placed it (LoadCredential).
  ///   - credential: its name.
  /// - Returns: nil where there is neither.
  public init?(_ path: String?, credential: String) {
    if let path {
      self = .file(path)
    } else if let folder = getenv("CREDENTIALS_DIRECTORY") {
      let path = "\(String(cString: folder))/\(credential)"
      guard Files.exists(path) else { return nil }
      self = .credential(path)
    } else {
      return nil
    }
  }

  /// Reads it; a newline at its end does not count.
  ///
  /// - Parameters:
  ///   - name: for the error, "passphrase" for example.
  ///   - count: bytes that it must have at least.
  public func read(_ name: String, atLeast count: Int) throws -> SecretBytes {
    var bytes =
      switch self {
      case .file(let path): try Files.readSecret(path, limit: 1_024)
      case .credential(let path): try Files.read(path, limit: 1_024)
      }
    defer { Console.erase(&bytes) }
    while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard bytes.count >= count else { throw ProgramError(.input, "the \(name) must have \(count) bytes at least") }
    return SecretBytes(copying: bytes)
  }
}
