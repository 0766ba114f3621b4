import Foundation
import TestPrograms
import Testing

@testable import CountersignClient

/// A gateway process of company Acme on a folder of its own, and the terminal of consultant Kim behind it.
final class GatewayProcess {
  let server: ServerProcess
  private(set) var port = FixedPort.next()
  private let environment: [String: String]
  private var process: RunningProgram?
  static let passphrase = "company secret"

  /// Registers company, gateway and consultant, sets the gateway up, and starts it.
  ///
  /// - Parameters:
  ///   - companyKey: PKCS#11 URI; nil: the gateway makes the key.
  ///   - environment: for the gateway's program.
  init(companyKey: String? = nil, passphrase: String = passphrase, environment: [String: String] = [:]) throws {
    server = try ServerProcess()
    try server.start()
    self.environment = environment
    try Self.write(passphrase, to: "\(server.root)/gateway.passphrase")
    try Self.write("correct horse", to: "\(server.root)/passphrase")
    try admin(["company", "add", "Acme", "--certificate", "\(server.root)/a.pem", "--key", "\(server.root)/a.key"])
    let made = try setUp(port: port, companyKey: companyKey)
    try #require(made.status == 0, "\(made.errors)")
    try start()
  }

  deinit { kill() }

  /// A terminal enrolled through the gateway.
  func terminal(_ name: String) throws -> Terminal {
    let token = try token(["consultant", "add", name, "--company", "Acme"])
    let enrolled = try Program.run(
      "countersign-terminal", ["enrol", "localhost:\(port)", token], environment: environment(name))
    try #require(enrolled.status == 0, "\(enrolled.errors)")
    return try Terminal(
      folder: TerminalFolder("\(server.root)/\(name)"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "test/1")
  }

  /// Of `countersign-terminal` for the terminal of that name.
  func environment(_ name: String) -> [String: String] {
    ["COUNTERSIGN_TERMINAL": "\(server.root)/\(name)", "COUNTERSIGN_PASSPHRASE_FILE": "\(server.root)/passphrase"]
  }

  @discardableResult
  func admin(_ arguments: [String]) throws -> Program.Result {
    let result = try Program.run("countersign-admin", arguments, environment: server.admin)
    try #require(result.status == 0, "\(result.errors)")
    return result
  }

  private func token(_ arguments: [String]) throws -> String {
    let output = try admin(arguments + ["--output", "json"]).output
    let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
    return try #require(object?["token"] as? String)
  }

  func register(port: Int) throws -> String {
    try token(["gateway", "add", "Acme", "--host", "localhost", "--port", "\(port)"])
  }

  /// Runs `init`.
  func setUp(port: Int, companyKey: String? = nil, isReplacing: Bool = false) throws -> Program.Result {
    var arguments = ["init", "localhost:\(server.port)", try register(port: port)]
    if let companyKey { arguments += ["--company-key", companyKey] }
    if isReplacing { arguments.append("--replace") }
    return try Program.run("countersign-gateway", arguments + options, environment: environment)
  }

  var options: [String] {
    ["--data", "\(server.root)/gateway", "--passphrase-file", "\(server.root)/gateway.passphrase"]
  }

  func start() throws {
    let process = try RunningProgram(
      Program.folder.appendingPathComponent("countersign-gateway").path, ["run", "--port", "\(port)"] + options,
      environment: environment, errors: .file(log))
    self.process = process
    let line = try process.prints("\n")
    port = try #require(line.split(separator: " ").last.flatMap { Int($0.filter(\.isNumber)) })
  }

  /// As `systemctl reload` does.
  func hangUp() { process?.signal(SIGHUP) }

  func kill() { process?.kill() }

  /// Waits until the log has `words`.
  func logs(_ words: String) async throws {
    while !logText.contains(words) { try await Task.sleep(for: .milliseconds(20)) }
  }

  private var log: String { "\(server.root)/gateway.log" }
  var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

  static func write(_ text: String, to path: String) throws {
    _ = FileManager.default.createFile(
      atPath: path, contents: Data("\(text)\n".utf8), attributes: [.posixPermissions: 0o600])
  }
}
