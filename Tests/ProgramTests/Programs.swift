import Foundation
import TestPrograms
import Testing

/// The programs of this package as real processes.
struct Program {
  /// Folder of the built programs: where the test bundle lies.
  static let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

  typealias Result = ProgramResult

  /// Runs a program to its end.
  static func run(
    _ name: String, _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> Result {
    try runProgram(folder.appendingPathComponent(name).path, arguments, input: input, environment: environment)
  }

  /// Runs a line of shell to its end.
  static func shell(_ line: String, environment: [String: String] = [:]) throws -> Result {
    try runProgram("/bin/sh", ["-c", line], environment: environment)
  }
}

/// A server process on a data folder of its own.
final class ServerProcess {
  let root: String
  private(set) var port = FixedPort.next()
  /// Of programs; 0: they are not served.
  private(set) var httpsPort = 0
  /// Options that choose the acquirer.
  var acquirer = ["--acquirer", "simulator"]
  /// Given to `run` besides.
  var arguments: [String] = []
  /// Of the server besides that of the tests.
  var environment: [String: String]
  private var process: RunningProgram?

  /// - Parameters:
  ///   - options: given to `init` besides.
  ///   - environment: of `init` and `run`.
  init(_ options: [String] = [], environment: [String: String] = [:]) throws {
    self.environment = environment
    root = NSTemporaryDirectory() + "countersign-programs-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let made = try Program.run(
      "countersign-server",
      ["init", "--data", "\(root)/server", "--name", "pay.test", "--host", "localhost"] + options,
      environment: environment)
    try #require(made.status == 0, "\(made.errors)")
  }

  deinit { end() }

  /// Kills the server and removes its folder.
  func end() {
    kill()
    try? FileManager.default.removeItem(atPath: root)
  }

  /// Starts with an OCSP responder.
  ///
  /// - Returns: the responder's port.
  func startWithResponder() throws -> Int {
    let output = try start(["--ocsp-port", "0"])
    let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("answering OCSP on port ") })
    return try #require(Int(line.filter(\.isNumber)))
  }

  /// Starts, each time on the same port.
  ///
  /// - Returns: what it printed.
  @discardableResult
  func start(_ more: [String] = []) throws -> String {
    let process = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-server").path,
      ["run", "--data", "\(root)/server", "--port", "\(port)", "--public-host", "localhost"] + acquirer + arguments
        + more, environment: environment, errors: .file(log))
    self.process = process
    // The line with the port is the last.
    do {
      try process.prints("listening on port ")
    } catch {
      throw ProgramFailure(text: "\(error); it logged:\n\(logText.suffix(2_000))")
    }
    var text = ""
    repeat { text = try process.prints("\n") } while !text.hasSuffix("\n")
    port = try #require(Self.number(after: "listening on port ", in: text))
    httpsPort = Self.number(after: "programs on HTTPS port ", in: text) ?? 0
    return text
  }

  private static func number(after words: String, in text: String) -> Int? {
    text.firstRange(of: words).flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) }
  }

  var processIdentifier: Int32 { process?.pid ?? 0 }

  /// As `systemctl reload` does.
  func hangUp() { process?.signal(SIGHUP) }

  func kill() { process?.kill() }

  /// Stops it where it is, and returns when no thread does anything any more but wait for the disk.
  func freeze() throws {
    process?.signal(SIGSTOP)
    let tasks = "/proc/\(processIdentifier)/task"
    while true {
      let states = try FileManager.default.contentsOfDirectory(atPath: tasks).map { task in
        let text = try String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
        return text.suffix(from: text.lastIndex(of: ")") ?? text.startIndex).dropFirst(2).first
      }
      if states.allSatisfy({ $0 == "T" || $0 == "D" }) { return }
      usleep(1_000)
    }
  }

  /// Ends it as systemd would.
  ///
  /// - Returns: its exit code; nil where it goes on.
  func stop() -> Int32? {
    process?.signal(SIGTERM)
    return try? process?.wait()
  }

  var admin: [String: String] {
    ["COUNTERSIGN_SERVER": "localhost:\(port)", "COUNTERSIGN_ADMIN": "\(root)/server/admin"]
  }

  private var log: String { "\(root)/server.log" }

  /// Waits until the log has `words`.
  func logs(_ words: String) async throws {
    while !logText.contains(words) { try await Task.sleep(for: .milliseconds(20)) }
  }

  var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
}
