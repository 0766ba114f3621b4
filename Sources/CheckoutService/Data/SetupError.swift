import Bytes
import Cryptography

/// Why a service's folder was not made, or is not what it must be.
public enum SetupError: Error, Sendable, CustomStringConvertible {
  case exists(String)
  case notEmpty(String)
  /// Path and cause.
  case notMade(String, String)
  /// No service was made at this path.
  case missing(String)
  /// Path of a folder of the service that is not there, and what to do.
  case lacking(String, String)
  /// Paths of a key and of a certificate that do not belong together.
  case mismatch(key: String, certificate: String)
  /// Seconds since 1970-01-01T00:00:00Z: now, and when the service's authority was made.
  case clock(now: Int64, made: Int64)
  case serviceName(String)
  case noDNSName
  case hostName(String)
  /// What the name breaks of the rules.
  case administrator(String)
  /// Where the vault's key-encryption key was to be, and cause.
  case vaultKey(String, CryptographyError)

  /// Whether an argument is wrong, and not the folder.
  public var isOfArgument: Bool {
    switch self {
    case .serviceName, .noDNSName, .hostName, .administrator: true
    case .exists, .notEmpty, .notMade, .missing, .lacking, .mismatch, .clock, .vaultKey: false
    }
  }

  public var description: String {
    switch self {
    case .exists(let path): "\(path) holds a service already; name another folder with --data"
    case .notEmpty(let path): "\(path) is not empty; name a folder with --data that does not exist or is empty"
    case .notMade(let path, let cause):
      "\(cause); init makes \(path).making and renames it at the end, so the folder above must be writable and \(path) "
        + "no mount point: name a folder inside it with --data"
    case .missing(let path):
      "\(path) is no service's folder; name the one that countersign-server init made with --data"
    case .lacking(let path, let advice): "\(path) is missing; \(advice)"
    case .mismatch(let key, let certificate):
      "\(key) is not the key of \(certificate); put the files in place that belong together"
    case .clock(let now, let made):
      "this machine's clock tells \(RFC3339.text(seconds: now)), and the service was made at "
        + "\(RFC3339.text(seconds: made)); set it right"
    case .serviceName(let name): "--name \"\(name)\" must be 1 to \(Setup.longestName) of a-z, 0-9, '.' and '-'"
    case .hostName(let name): "--host \"\(name)\" is no host name and no address"
    case .administrator(let fault): "--administrator \(fault)"
    case .vaultKey(let place, let error): "--vault-key \(place): \(error)"
    case .noDNSName: "at least one --host is needed for the TLS certificate"
    }
  }
}
