import Foundation
import TestPrograms
import Testing

/// strace on all threads of a running server: who changes the ledger's files (`ledger.db`, its WAL and its lock).
struct LedgerWrites {
  /// Calls that change a file, or its place.
  private static let calls = "pwrite64,write,writev,pwritev,fdatasync,fsync,ftruncate,fallocate,unlink,rename"

  private let strace: RunningProgram
  private let log: String
  private let writer: String

  init(server: ServerProcess) throws {
    log = "\(server.root)/writes.log"
    writer = try #require(Injection.writer(of: server.processIdentifier))
    strace = try RunningProgram(
      "strace", ["-f", "-y", "-o", log, "-e", "trace=\(Self.calls)", "-p", "\(server.processIdentifier)"],
      errors: .withOutput)
    try strace.prints("attached")
  }

  /// Lets the server go on without strace.
  ///
  /// - Returns: the writer's calls on the ledger, and the lines of other threads' calls on it.
  func end() throws -> (byWriter: Int, byOthers: [String]) {
    strace.signal(SIGINT)
    _ = try? strace.wait()
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
      .filter { $0.contains("/server/ledger.db") }
    let others = lines.filter { $0.split(separator: " ").first.map(String.init) != writer }
    return (lines.count - others.count, others.map(String.init))
  }
}
