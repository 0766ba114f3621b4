import Foundation
import Testing

/// Programs of another version than this build's, to be offered and installed.
enum Bundles {
  /// Copies a program of this build, has the copy say another version of the same length, and makes it executable. It
  /// runs as the original does.
  static func program(_ name: String, _ version: String, at path: String) throws {
    var bytes = try Data(contentsOf: Program.folder.appendingPathComponent(name))
    let (present, other) = (Data("\(name) 1.0.0".utf8), Data("\(name) \(version)".utf8))
    try #require(present.count == other.count)
    var (start, count) = (bytes.startIndex, 0)
    while let found = bytes.range(of: present, in: start..<bytes.endIndex) {
      bytes.replaceSubrange(found, with: other)
      (start, count) = (found.upperBound, count + 1)
    }
    try #require(count > 0, "\(name) does not say its version")
    try bytes.write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }

  /// `countersign-server bundle` for one file.
  static func add(_ server: ServerProcess, _ option: String, _ file: String, _ version: String) throws -> Program.Result
  {
    try Program.run(
      "countersign-server",
      ["bundle", "--data", "\(server.root)/server", "--release", version, option, file, "--output", "json"])
  }
}
