import Foundation
import TestPrograms

/// What a server's wall clock says is moved, while its monotonic clock goes on: Tests/Faults/moved_clock.c.
final class MovedClock {
  private let file = NSTemporaryDirectory() + "countersign-clock-\(UUID().uuidString)"
  private var library: String { file + ".so" }

  init() throws {
    try runProgram("clang", ["-shared", "-fPIC", "-o", library, Repository.path("Tests/Faults/moved_clock.c")]).good()
    try Data(count: 8).write(to: URL(fileURLWithPath: file))
  }

  deinit {
    try? FileManager.default.removeItem(atPath: file)
    try? FileManager.default.removeItem(atPath: library)
  }

  /// Of the server.
  var environment: [String: String] { ["LD_PRELOAD": library, "MOVED_CLOCK": file] }

  /// In place: the server has the file mapped.
  func move(by seconds: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    defer { try? handle.close() }
    try handle.write(contentsOf: withUnsafeBytes(of: Int64(seconds)) { Data($0) })
  }
}
