import CountersignClient
import Cryptography
import Files
import Glibc
import ProgramSupport

extension TerminalOptions {
  /// The terminal's folder.
  func folder(_ settings: Settings) throws -> TerminalFolder {
    if let path = settings.text(data, .terminal) { return TerminalFolder(path) }
    guard let home = getenv("HOME").map({ String(cString: $0) }), !home.isEmpty else {
      throw ProgramError(.usage, "--data is needed: HOME is not set")
    }
    return TerminalFolder("\(home)/.countersign")
  }

  /// The passphrase from its file, or from a person without echo.
  ///
  /// - Parameter isNew: asks twice, and wants 8 bytes at least.
  func passphrase(_ settings: Settings, isNew: Bool = false) throws -> SecretBytes {
    Hardening.apply()
    var bytes: [UInt8]
    if let path = settings.text(passphraseFile, .passphraseFile) {
      bytes = try Files.readSecret(path, limit: 1_024)
      while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    } else {
      bytes = try HiddenPrompts.duringAsking {
        let bytes = try HiddenPrompts.ask(isNew ? "New passphrase" : "Passphrase")
        if isNew, try HiddenPrompts.ask("The same again") != bytes {
          throw ProgramError(.input, "the two passphrases differ")
        }
        return bytes
      }
    }
    defer { Console.erase(&bytes) }
    if isNew, bytes.count < 8 { throw ProgramError(.input, "the passphrase must have 8 bytes at least") }
    return SecretBytes(copying: bytes)
  }

  /// Opens the enrolled terminal.
  func terminal() async throws -> Terminal {
    let settings = try await Settings(file: settings)
    let folder = try folder(settings)
    try folder.checkEnrolled()
    let passphrase = try passphrase(settings)
    let terminal = try Terminal(folder: folder, passphrase: passphrase, program: CountersignTerminal.program)
    return terminal.isRenewalDue ? await renewed(terminal, passphrase) : terminal
  }

  /// Renews the certificate; where that fails the present one is used as long as it lasts.
  private func renewed(_ terminal: Terminal, _ passphrase: SecretBytes) async -> Terminal {
    do {
      return try await terminal.renewed(passphrase: passphrase)
    } catch {
      Console.complain(
        "the certificate could not be renewed and ends \(TimeText.instant(terminal.notAfter * 1_000)): \(error)")
      return terminal
    }
  }
}

extension Terminal {
  /// Runs what comes before payments can be asked about. Where the service refuses or cannot be reached and one of them is
  /// open on this terminal, the end is that its outcome is unknown: nothing may say that it was not charged.
  func keepingUnknown<R>(_ keys: [[UInt8]], _ body: () async throws -> R) async throws -> R {
    do {
      return try await body()
    } catch let error as TerminalError {
      switch error {
      case .refused, .unreachable, .sessionOver: break
      default: throw error
      }
      let pending = try folder.openPayments().orders.map(\.idempotencyKey)
      let open = keys.filter(pending.contains).map(PaymentKey.text)
      guard !open.isEmpty else { throw error }
      // What a refusal says was not charged is this login's, not the payment that was sent before.
      let cause = "\(error)".replacing("; nothing was charged", with: "")
      throw ProgramError(
        .outcomeUnknown, "\(cause); whether it was charged stays unknown: key \(open.joined(separator: ", "))")
    }
  }
}

extension PaymentWait {
  /// On standard error, so that programs that read the result see nothing of it.
  @Sendable static func tell(_ wait: PaymentWait) {
    let end = Int64(time(nil)) + wait.remaining.components.seconds
    let manner = wait.isTryingAgain ? ", and trying again" : " at the latest"
    Console.complain("waiting until \(TimeText.instant(end * 1_000))\(manner): \(wait.cause)")
  }
}

/// What people can do about the refusal of a login. The service names the certificate that is revoked once both
/// signatures were good.
enum LoginAdvice {
  static let all = [
    "REVOKED consultant_chain":
      "it is the consultant's certificate, alone or with its consultant or device: enrol again with a new token, or ask "
      + "to be registered anew",
    "REVOKED company_chain":
      "it is the company's certificate, alone or with its company or gateway: whoever looks after the company's key must "
      + "ask for a new one",
  ]
}
