import Foundation
import TestPrograms
import Testing

/// Registers and memory may hold card data (PCI DSS 3.3.1), so no program prints them when it ends by a fault.
@Suite(.serialized, .timeLimit(.minutes(5))) struct CrashReportTests {
  private static let crashes = [SIGQUIT, SIGSEGV, SIGILL, SIGABRT, SIGTRAP]

  @Test func aProgramThatWaitsForTheServicePrintsNoMemory() async throws {
    let desk = try Desk()
    let server = desk.server
    // From then on nobody is answered, and the programs wait.
    try server.freeze()
    for crash in Self.crashes {
      try await expectSilence(
        "countersign-admin", ["company", "list"], environment: server.admin, endedBy: crash)
      try await expectSilence(
        "countersign-terminal", ["login", "--check"], environment: desk.environment, endedBy: crash)
    }
  }

  @Test(arguments: crashes) func aServiceThatCrashesPrintsNoMemory(_ crash: Int32) async throws {
    let server = try ServerProcess()
    try await expectSilence(
      "countersign-server",
      [
        "run", "--data", "\(server.root)/server", "--port", "0", "--public-host", "localhost", "--acquirer",
        "simulator",
      ],
      until: "listening on port", endedBy: crash)
  }

  @Test func aGatewayThatCrashesPrintsNoMemory() async throws {
    let gateway = try GatewayProcess()
    gateway.kill()
    for crash in Self.crashes {
      try await expectSilence(
        "countersign-gateway",
        [
          "run", "--data", "\(gateway.server.root)/gateway", "--port", "0", "--passphrase-file",
          "\(gateway.server.root)/gateway.passphrase",
        ], until: "listening on port", endedBy: crash)
    }
  }

  private func expectSilence(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], until words: String? = nil,
    endedBy crash: Int32
  ) async throws {
    let running = try RunningProgram(
      Program.folder.appendingPathComponent(program).path, arguments, environment: environment, errors: .kept)
    if let words { try running.prints(words) }
    // Its handlers stand from the load of Swift's runtime to the beginning of main; both are soon over.
    if words == nil { try await Task.sleep(for: .seconds(1)) }
    while try running.isRunning && Self.takes(crash, running.pid) { try await Task.sleep(for: .milliseconds(5)) }
    running.signal(crash)
    let result = try running.result()
    #expect(result.status == 128 + crash, "\(program): \(result)")
    for part in ["egisters", "Backtrace", "Thread", "0x"] {
      #expect(!result.errors.contains(part) && !result.output.contains(part), "\(program): \(result)")
    }
  }

  /// Whether a process has a handler for a signal.
  private static func takes(_ signal: Int32, _ pid: Int32) throws -> Bool {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
    let caught = line.flatMap { UInt64($0.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) } ?? 0
    return caught >> UInt64(signal - 1) & 1 == 1
  }
}
