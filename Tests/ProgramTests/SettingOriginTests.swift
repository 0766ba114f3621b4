import Foundation
import TestPrograms
import Testing

/// Where a wrong value comes from decides how a program ends and what it names: a flag 64, a variable or a line of a
/// settings file 78. Source: docs/operations.md, "Exit codes".
@Suite(.serialized) struct SettingOriginTests {
  /// Program and command, what else it needs, option, variable, wrong value, what is said of it.
  static let wrong: [(command: [String], option: String, variable: String, value: String, words: String)] = [
    (server, "--port", "COUNTERSIGN_PORT", "99999", "must be a number from 0 to 65535"),
    (server, "--https-port", "COUNTERSIGN_HTTPS_PORT", "99999", "must be a number from 0 to 65535"),
    (server, "--public-host", "COUNTERSIGN_PUBLIC_HOST", "pay example", "must be a host name or an IP address"),
    (server, "--public-host", "COUNTERSIGN_PUBLIC_HOST", "-", "must be a host name or an IP address"),
    (server, "--public-port", "COUNTERSIGN_PUBLIC_PORT", "0", "must be a number from 1 to 65535"),
    (
      server + ["--https-port", "0"], "--public-https-port", "COUNTERSIGN_PUBLIC_HTTPS_PORT", "0",
      "must be a number from 1 to 65535"
    ),
    (server, "--handshakes", "COUNTERSIGN_HANDSHAKES", "0", "must be a number from "),
    (server, "--ocsp-url", "COUNTERSIGN_OCSP_URL", "ftp://x", "must be http://HOST"),
    (server, "--log-level", "COUNTERSIGN_LOG_LEVEL", "loud", "must be one of trace, debug, info"),
    (
      ["countersign-server", "run", "--data", "/nonexistent"], "--acquirer", "COUNTERSIGN_ACQUIRER", "visa",
      "must be iso8583 or simulator"
    ),
    (gateway, "--log-level", "COUNTERSIGN_LOG_LEVEL", "loud", "must be one of trace, debug, info"),
    (
      ["countersign-admin", "unresolved", "--admin", "/nonexistent"], "--server", "COUNTERSIGN_SERVER", "pay.example",
      "must be HOST:PORT"
    ),
  ]
  private static let server = ["countersign-server", "run", "--data", "DATA", "--acquirer", "simulator"]
  private static let gateway = [
    "countersign-gateway", "run", "--data", "/nonexistent", "--passphrase-file", "/dev/null",
  ]

  @Test(arguments: wrong.indices)
  func aWrongValueIsNamedByItsOrigin(_ index: Int) throws {
    let (command, option, variable, value, words) = Self.wrong[index]
    let root = try Desk.shared.get().server.root
    let arguments = command.dropFirst().map { $0 == "DATA" ? "\(root)/server" : $0 }
    let file = "\(root)/\(UUID().uuidString).conf"
    try Data("# wrong\n\(variable)=\(value)\n".utf8).write(to: URL(filePath: file))
    let flag = try Program.run(command[0], arguments + [option, value])
    #expect(flag.status == 64, "\(flag)")
    #expect(flag.errors.hasPrefix("error: \(option) \"\(value)\": \(words)"), "\(flag)")
    let environment = try Program.run(command[0], arguments, environment: [variable: value])
    #expect(environment.status == 78, "\(environment)")
    #expect(environment.errors.hasPrefix("error: \(variable)=\(value): \(words)"), "\(environment)")
    let settings = try Program.run(command[0], arguments + ["--settings", file])
    #expect(settings.status == 78, "\(settings)")
    #expect(
      settings.errors.hasPrefix("error: settings file \(file): \(variable)=\(value): \(words)"), "\(settings)")
  }

  @Test(arguments: ["+5", "-0", "5 "]) func aNumberOfAVariableIsOfDigitsAlone(_ value: String) throws {
    let command = Self.server.map { $0 == "DATA" ? "/nonexistent" : $0 }
    let wrong = try Program.run(command[0], Array(command.dropFirst()), environment: ["COUNTERSIGN_PORT": value])
    #expect(wrong.status == 78, "\(wrong)")
    #expect(wrong.errors.contains("COUNTERSIGN_PORT=\(value): must be a number from 0 to 65535"), "\(wrong)")
  }

  /// The flag is what counts, so the line in the file is not even looked at.
  @Test func aFlagHidesAWrongLineOfTheFile() throws {
    let desk = try Desk.shared.get()
    let file = "\(desk.server.root)/hidden.conf"
    try Data("COUNTERSIGN_SERVER=nowhere\n".utf8).write(to: URL(filePath: file))
    let run = try Program.run(
      "countersign-admin",
      [
        "unresolved", "--settings", file, "--server", "localhost:\(desk.server.port)", "--admin",
        "\(desk.server.root)/server/admin",
      ])
    #expect(run.status == 0, "\(run)")
  }
}
