import Foundation
import TestPrograms

/// The `openssl` program with a folder of its own, as a witness from outside.
public final class OpenSSLCommand: Sendable {
  /// Where files are written and the program runs.
  public let folder: URL

  /// Makes the folder.
  public init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "countersign-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Writes a file that a command may name.
  public func write(_ bytes: [UInt8], to name: String) throws {
    try Data(bytes).write(to: folder.appending(path: name))
  }

  /// Reads a file that a command wrote.
  public func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }

  /// Runs `openssl` with these words in the folder.
  ///
  /// - Returns: what it printed, errors included, and whether it ended well.
  @discardableResult
  public func run(_ words: String...) throws -> (text: String, isGood: Bool) { try run(words) }

  /// Runs `openssl` with these words in the folder.
  @discardableResult
  public func run(_ words: [String]) throws -> (text: String, isGood: Bool) {
    let result = try runProgram("openssl", words, folder: folder.path, errors: .withOutput)
    return (result.output, result.status == 0)
  }
}
