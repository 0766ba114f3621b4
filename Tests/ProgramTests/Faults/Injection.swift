import Foundation
import TestPrograms
import Testing

/// strace on a running server, on its writer's thread where nothing else is said: one of its system calls fails, or ends the process. Killed with the
/// object, and the thread goes on without it.
struct Injection {
  private let strace: RunningProgram
  private let log: String

  enum Threads {
    /// The one that writes the ledger.
    case writer
    /// Whichever of the process comes to its Nth call first: each is counted by itself.
    case any
  }

  /// Whether strace is installed and may be used here.
  static let isPossible = (try? Program.shell("strace -qq -o /dev/null true").status) == 0

  /// - Parameters:
  ///   - call: for example `fdatasync` or `pwrite64`.
  ///   - effect: `signal=KILL` or `error=NAME`.
  ///   - place: which of the thread's calls of this kind, from 1.
  init(_ call: String, _ effect: String, place: Int, server: ServerProcess, thread: Threads = .writer) throws {
    log = "\(server.root)/strace.log"
    let process = server.processIdentifier
    let target = try thread == .any ? ["-f", "-p", "\(process)"] : ["-p", #require(Self.writer(of: process))]
    strace = try RunningProgram(
      "strace",
      ["-o", log, "-e", "trace=\(call)", "-e", "inject=\(call):\(effect):when=\(place)"]
        + target,
      errors: .withOutput)
    try strace.prints("attached")
  }

  /// Whether it has struck.
  var hasStruck: Bool {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.contains("INJECTED") || text.contains("killed by SIGKILL")
  }

  func end() { strace.kill() }

  /// Identifier of the thread that writes the ledger.
  static func writer(of process: Int32) -> String? {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
    return tasks.first { task in
      let name = try? String(contentsOfFile: "/proc/\(process)/task/\(task)/comm", encoding: .utf8)
      return name == "ledger\n"
    }
  }
}
