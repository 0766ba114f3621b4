import ArgumentParser
import Authority
import CountersignClient
import Cryptography
import Files
import Glibc
import Listening

/// Runs a command and turns what it throws into one line on standard error and a documented exit code.
public enum Program {
  /// - Parameters:
  ///   - fields: where the command's request comes from, for refusals.
  ///   - advice: what people can do about a refusal, by its reason.
  public static func run(
    _ fields: RequestFields = [:], advice: [String: String] = [:], _ body: () async throws -> Void
  ) async throws {
    do {
      try checkArguments()
      try await body()
    } catch let exit as ExitCode {
      throw exit
    } catch let ending as Interruption.Ending {
      // Only now: what the body had to erase is erased.
      ending.end()
    } catch {
      let told: any Error = fields.refusal(error, advice: advice) ?? error
      Console.complain("error: \(told)")
      throw ExitCode(status(of: told).rawValue)
    }
  }

  /// Ends the program by a signal, as one without a handler ends, so that a shell tells 128 and its number. The signal may
  /// be ignored or blocked until then.
  static func end(bySignal number: Int32) -> Never {
    signal(number, SIG_DFL)
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, number)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    raise(number)
    _exit(128 + number)
  }

  /// Swift puts other characters in the place of bytes that are no UTF-8, so that a name would not be what was given. And
  /// an empty value is a shell's variable that was not set: it must not mean "whichever there is".
  private static func checkArguments() throws {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = CommandLine.unsafeArgv[index] else { continue }
      guard let text = String(validatingCString: argument) else {
        throw ProgramError(.usage, "argument \(index) is not valid UTF-8")
      }
      guard !text.isEmpty else {
        throw ProgramError(.usage, "argument \(index) is empty; give a value, or leave it out")
      }
    }
  }

  private static func status(of error: any Error) -> ExitStatus {
    switch error {
    case let error as any ProgramEnding: error.status
    case let error as FileError: error.isOfFolder ? .configuration : .file
    case is ListenError: .configuration
    case let error as TerminalError: status(of: error)
    case is CryptographyError: .untrusted
    case is TokenError: .usage
    default: .fault
    }
  }

  private static func status(of error: TerminalError) -> ExitStatus {
    switch error {
    case .folder, .interface, .clock: .configuration
    case .untrusted, .key: .untrusted
    case .refused(let status): status.code == .unavailable ? .unreachable : .refused
    case .sessionOver: .refused
    case .unreachable: .unreachable
    case .outcomeUnknown: .outcomeUnknown
    case .invalid: .input
    }
  }
}
