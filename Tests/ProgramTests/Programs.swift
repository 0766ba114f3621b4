import Foundation
import Testing

/// The programs of this package as real processes.
struct Program {
  /// Folder of the built programs: where the test bundle lies.
  static let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  /// Runs a program to its end.
  static func run(
    _ name: String, _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> Result {
    try run(folder.appendingPathComponent(name), arguments, input: input, environment: environment)
  }

  /// Runs a line of shell to its end.
  static func shell(_ line: String, environment: [String: String] = [:]) throws -> Result {
    try run(URL(fileURLWithPath: "/bin/sh"), ["-c", line], environment: environment)
  }

  /// Runs any program to its end.
  static func run(
    _ program: URL, _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> Result {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
    try process.run()
    stdin.fileHandleForWriting.write(Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    let errors = stderr.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self))
  }
}

/// A server process on a data folder of its own.
final class ServerProcess {
  let root: String
  private(set) var port = 0
  /// Of programs; 0: they are not served.
  private(set) var httpsPort = 0
  /// Options that choose the acquirer.
  var acquirer = ["--acquirer", "simulator"]
  /// Given to `run` besides.
  var arguments: [String] = []
  private var process: Process?

  init() throws {
    root = NSTemporaryDirectory() + "countersign-programs-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let made = try Program.run(
      "countersign-server", ["init", "--data", "\(root)/server", "--name", "pay.test", "--host", "localhost"])
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

  /// Starts on any free port, and after that on the same one.
  ///
  /// - Returns: what it printed.
  @discardableResult
  func start(_ more: [String] = []) throws -> String {
    let process = Process()
    process.executableURL = Program.folder.appendingPathComponent("countersign-server")
    process.arguments =
      [
        "run", "--data", "\(root)/server", "--port", "\(port)", "--public-host", "localhost",
      ] + acquirer + arguments + more
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: log)
    try process.run()
    self.process = process
    var text = ""
    while !(text.contains("listening on port ") && text.hasSuffix("\n")) {
      let data = output.fileHandleForReading.availableData
      try #require(!data.isEmpty, "the server ended: \(logText)")
      text += String(decoding: data, as: UTF8.self)
    }
    port = try #require(Self.number(after: "listening on port ", in: text))
    httpsPort = Self.number(after: "programs on HTTPS port ", in: text) ?? 0
    return text
  }

  private static func number(after words: String, in text: String) -> Int? {
    text.firstRange(of: words).flatMap { Int(text[$0.upperBound...].prefix { $0.isNumber }) }
  }

  var processIdentifier: Int32 { process?.processIdentifier ?? 0 }

  /// As `systemctl reload` does.
  func hangUp() {
    if let process { Foundation.kill(process.processIdentifier, SIGHUP) }
  }

  func kill() {
    guard let process, process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Ends it as systemd would.
  func stop() -> Int32? {
    guard let process else { return nil }
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }

  var admin: [String: String] {
    ["COUNTERSIGN_SERVER": "localhost:\(port)", "COUNTERSIGN_ADMIN": "\(root)/server/admin"]
  }

  private var log: String {
    let path = "\(root)/server.log"
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    return path
  }

  /// Waits until the log has `words`.
  func logs(_ words: String) async throws {
    while !logText.contains(words) { try await Task.sleep(for: .milliseconds(20)) }
  }

  var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
}
