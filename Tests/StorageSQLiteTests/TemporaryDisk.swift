import Foundation
import TestPrograms

/// A small file system of its own in memory, for what happens when a disk is full or read-only. Only root can mount one.
final class TemporaryDisk {
  let folder: String

  /// Whether this process may mount; where it may not, the tests that need it are skipped.
  static let isPossible = (try? TemporaryDisk(megabytes: 1)) != nil

  init(megabytes: Int) throws {
    folder = NSTemporaryDirectory() + "countersign-disk-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    do {
      try mount(["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder])
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  deinit {
    _ = try? runProgram("/bin/umount", ["--lazy", folder])
    try? FileManager.default.removeItem(atPath: folder)
  }

  func makeReadOnly() throws { try mount(["-o", "remount,ro", folder]) }

  /// Takes all room that is left.
  func fill() throws {
    let filler = try FileHandle(forWritingTo: makeFiller())
    defer { try? filler.close() }
    while (try? filler.write(contentsOf: Data(count: 4_096))) != nil {}
  }

  func empty() throws { try FileManager.default.removeItem(at: filler) }

  private var filler: URL { URL(fileURLWithPath: "\(folder)/filler") }

  private func makeFiller() throws -> URL {
    try Data().write(to: filler)
    return filler
  }

  private func mount(_ arguments: [String]) throws {
    let result = try runProgram("/bin/mount", arguments)
    guard result.status == 0 else { throw ProgramFailure(text: result.errors) }
  }
}
