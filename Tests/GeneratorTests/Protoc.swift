import Foundation
import TestPrograms
import Testing

/// The real `protoc` with the plugin, in a folder of its own.
final class Protoc {
  struct Result {
    let isGood: Bool
    /// What protoc printed.
    let errors: String
    /// Content of the generated file; empty where there is none.
    let generated: String
  }

  /// The built plugin, beside the test bundle.
  static let plugin = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appending(path: "protoc-gen-countersign-swift").path()

  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "countersign-protoc-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Writes a proto file that others may import.
  func write(_ text: String, to name: String) throws {
    let file = folder.appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  /// Generates from `text` as `test.proto`, after files that were written.
  func run(_ text: String, options: String = "", beside files: [String] = []) throws -> Result {
    try write(text, to: "test.proto")
    let output = try Self.run(
      "protoc",
      [
        "-I\(folder.path())", "--plugin=\(Self.plugin)", "--countersign-swift_out=\(options):\(folder.path())",
      ] + files + ["test.proto"])
    let generated = try? String(contentsOf: folder.appending(path: "test.pb.swift"), encoding: .utf8)
    return Result(isGood: output.isGood, errors: output.text, generated: generated ?? "")
  }

  /// Runs a program; errors come with its output.
  static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (isGood: Bool, text: String) {
    let result = try runProgram(program, arguments, environment: environment, errors: .withOutput)
    return (result.status == 0, result.output)
  }
}
