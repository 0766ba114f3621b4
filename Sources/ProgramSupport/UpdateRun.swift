import ArgumentParser
import Bytes
import CountersignClient
import Files
import Glibc

/// The command `update` of terminal and gateway.
public enum UpdateRun {
  /// What `--help` says.
  ///
  /// - Parameters:
  ///   - folder: whose profile names the network service, for example "the terminal's".
  ///   - then: what is to be done afterwards, or "".
  ///   - examples: command lines.
  public static func configuration(folder: String, then: String = "", examples: [String]) -> CommandConfiguration {
    CommandConfiguration(
      commandName: "update", abstract: "Installs the newer version of this program that the service offers\(then).",
      discussion: """
        Connects only to the network service that \(folder) signed profile names, and sends it nothing but requests
        for files. The new program must be signed under the service's root and higher in version; the former one stays
        as NAME.former. Whatever goes wrong, the installed program is as it was. Run it as the user whom both
        \(folder) folder and the program belong to.

        EXAMPLES
        \(examples.map { "  \($0)" }.joined(separator: "\n"))

        EXIT CODES
          0 updated, already the newest, or told with --check   1 nothing or only an older version is offered
          69 not reachable, silent or cut off   74 file error, another update is running, or the program does not start
          77 server, signature or program not trusted   78 the profile names no network service, or the folder's owner
        """)
  }

  /// Asks the network service of a profile, installs what is newer, and tells what came of it.
  ///
  /// - Parameters:
  ///   - program: name and version of this program.
  ///   - isOnlyTold: installs nothing.
  /// - Throws: `UpdateError`, `FileError`.
  public static func run(
    _ program: String, profile: TrustedProfile, isOnlyTold: Bool, output: OutputFormat
  ) async throws {
    let result = try await ProgramUpdate(profile: profile, program: program)
      .run(replacing: try runningProgram(), isOnlyTold: isOnlyTold)
    switch output {
    case .text: Console.print(text(result))
    case .json:
      var fields: [(String, JSON.Value)] = [
        ("installed", .text("\(result.installed)")), ("offered", .text("\(result.offered)")),
        ("sha256", .text(Hex.encode(result.digest.bytes))), ("result", .text(word(result.outcome))),
      ]
      if case .updated(let former) = result.outcome { fields.append(("former", .text(former))) }
      Console.print(JSON.object(fields))
    }
  }

  /// The file of this process, whatever name it was called by.
  private static func runningProgram() throws -> String {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &path, path.count)
    guard count > 0, count < path.count else { throw FileError(path: "/proc/self/exe", doing: "read", code: errno) }
    return String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func text(_ result: ProgramUpdate.Result) -> String {
    switch result.outcome {
    case .current: "version \(result.installed) is the newest"
    case .available: "version \(result.offered) is offered, \(result.installed) is installed; update installs it"
    case .updated(let former):
      "updated from \(result.installed) to \(result.offered); the former program is \(former)"
    }
  }

  private static func word(_ outcome: ProgramUpdate.Outcome) -> String {
    switch outcome {
    case .current: "current"
    case .available: "available"
    case .updated: "updated"
    }
  }
}

extension UpdateError: ProgramEnding {
  public var status: ExitStatus {
    switch self {
    case .notOffered, .older: .refused
    case .unreachable: .unreachable
    case .untrusted: .untrusted
    case .busy, .unusable: .file
    case .noNetworkService: .configuration
    }
  }
}
