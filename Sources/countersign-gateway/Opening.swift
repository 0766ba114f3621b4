import Cryptography
import Files
import Gateway
import Glibc
import ProgramSupport

extension GatewayOptions {
  /// The gateway's folder.
  func folder(_ settings: Settings) throws -> GatewayFolder {
    guard let path = settings.text(data, "gateway") else {
      throw ProgramError(.usage, "--data is needed: the gateway's folder")
    }
    return GatewayFolder(path)
  }

  /// Where the passphrase stands.
  func passphraseSource(_ settings: Settings) throws -> PassphraseSource {
    if let path = settings.text(passphraseFile, "passphrase.file") { return .file(path) }
    if let folder = getenv("CREDENTIALS_DIRECTORY").map({ String(cString: $0) }) {
      return .credential("\(folder)/countersign-gateway-passphrase")
    }
    throw ProgramError(
      .usage, "--passphrase-file is needed, or systemd's LoadCredential=countersign-gateway-passphrase")
  }
}

/// A file that holds the passphrase of the company's key.
enum PassphraseSource: Sendable {
  /// Nobody else may be able to read it.
  case file(String)
  /// Placed by systemd, which grants the right to read it by an access control list that shows in the group's bits.
  case credential(String)

  /// Reads it; a newline at its end does not count.
  func read() throws -> SecretBytes {
    var bytes =
      switch self {
      case .file(let path): try Files.readSecret(path, limit: 1_024)
      case .credential(let path): try Files.read(path, limit: 1_024)
      }
    defer { Console.erase(&bytes) }
    while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard bytes.count >= 8 else { throw ProgramError(.input, "the passphrase must have 8 bytes at least") }
    return SecretBytes(copying: bytes)
  }
}
