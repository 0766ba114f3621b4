import Foundation
import TestPrograms
import Testing

/// Registering a company where it is cut off, or a file or folder cannot be made durable.
@Suite(.serialized, .enabled(if: Injection.isPossible), .timeLimit(.minutes(5))) struct RegistrationCutOffTests {
  /// At whatever call: a key lies under its own two names alone, and the same command ends it.
  @Test(arguments: [
    ("fsync", "signal=KILL"), ("linkat", "signal=KILL"), ("unlink", "signal=KILL"), ("fsync", "error=EIO"),
  ])
  func noKeyIsLeftUnderAnotherNameAndTheSameCommandEndsIt(_ call: String, _ effect: String) throws {
    let desk = try Desk.shared.get()
    let root = "\(desk.server.root)/\(call)-\(effect)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    var place = 1
    while true {
      let folder = "\(root)/\(place)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let name = "Cut \(call) \(effect) \(place)"
      let add = ["company", "add", name, "--certificate", "\(folder)/pem", "--key", "\(folder)/key"]
      let struck = try Self.strike(["-e", "trace=\(call)", "-e", "inject=\(call):\(effect):when=\(place)"], add, desk)
      let left = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
      #expect(left.isSubset(of: ["pem", "key", "key.asking"]), "\(place): \(left)")
      if struck.status != 0 {
        let again = try desk.admin(add)
        // Killed behind its last step it told nobody that it had finished.
        let isOver = effect == "signal=KILL" && again.errors.contains("it had finished")
        #expect(again.status == 0 || isOver, "\(place): \(struck) \(again)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["key", "pem"], "\(place)")
      if try !Self.hasStruck(desk) { break }
      place += 1
    }
    #expect(place > 1)
  }

  /// Without the links of /proc a file with no name cannot be placed.
  @Test func whereNoFileCanBeWithoutANameTheKeyIsPlacedAllTheSame() throws {
    let desk = try Desk.shared.get()
    let folder = "\(desk.server.root)/named"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let calls = "access,faccessat,faccessat2"
    let added = try Self.strike(
      ["-P", "/proc/self/fd", "-e", "trace=\(calls)", "-e", "inject=\(calls):error=ENOENT"],
      ["company", "add", "Named", "--certificate", "\(folder)/pem", "--key", "\(folder)/key"], desk)
    #expect(try added.status == 0 && Self.hasStruck(desk), "\(added)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["key", "pem"])
  }

  /// Runs countersign-admin under strace, which counts the calls of each thread by itself.
  private static func strike(_ inject: [String], _ arguments: [String], _ desk: Desk) throws -> Program.Result {
    let program = Program.folder.appendingPathComponent("countersign-admin").path
    return try runProgram(
      "strace", ["-f", "-qq", "-o", "\(desk.server.root)/strace.log"] + inject + [program] + arguments,
      environment: desk.server.admin)
  }

  private static func hasStruck(_ desk: Desk) throws -> Bool {
    try String(contentsOfFile: "\(desk.server.root)/strace.log", encoding: .utf8).contains(/INJECTED|SIGKILL/)
  }
}
