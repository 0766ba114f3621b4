import Audit
import Files

/// Heads as lines of files that grow at their ends alone, in a folder that may lie on another machine's disk.
///
/// A file is named by the first record of its first head, in 19 digits, so that names are in order; a new one begins at
/// 32 MiB, and behind a line whose writing was cut off. Source: docs/audit.md, "Files of heads".
struct HeadLog {
  /// Bytes at which a new file begins.
  static let largestFile: Int64 = 32 << 20
  /// Longer than any line.
  private static let longestLine: Int64 = 1_024

  private let folder: String
  private let largestFile: Int64
  private var file: AppendedFile?
  private var size: Int64 = 0
  /// The last head that is in a file.
  private(set) var last: JournalHead?

  /// Finds where the files end.
  ///
  /// - Throws: `FileError`, also where a file holds something else.
  init(folder: String, largestFile: Int64 = HeadLog.largestFile) throws(FileError) {
    self.folder = folder
    self.largestFile = largestFile
    try Files.makeFolder(folder)
    for name in try Files.names(in: folder).reversed() where name.hasSuffix(".heads") {
      let path = "\(folder)/\(name)"
      let end = try Self.end(of: path)
      guard let line = end.line else { continue }
      guard let head = JournalHead(line: line) else {
        throw FileError(path: path, doing: "use", cause: "its last line is no head")
      }
      last = head
      if end.isWhole {
        file = try AppendedFile(path)
        size = end.size
      }
      return
    }
  }

  /// The last whole line of a file, and whether nothing stands behind it.
  private static func end(of path: String) throws(FileError) -> (line: String?, isWhole: Bool, size: Int64) {
    let file = try OpenFile(path)
    var bytes = [UInt8](repeating: 0, count: Int(min(file.size, longestLine * 2)))
    let start = file.size - Int64(bytes.count)
    let count: Int
    do {
      count = try bytes.withUnsafeMutableBytes { try file.read(at: start, into: $0) }
    } catch {
      throw error as? FileError ?? FileError(path: path, doing: "read", cause: "\(error)")
    }
    let newline = UInt8(ascii: "\n")
    guard let end = bytes[..<count].lastIndex(of: newline) else { return (nil, false, file.size) }
    let begin = bytes[..<end].lastIndex(of: newline).map { $0 + 1 } ?? 0
    return (String(decoding: bytes[begin..<end], as: UTF8.self), end == count - 1, file.size)
  }

  /// Appends heads, and returns once they are durable.
  ///
  /// - Throws: `FileError`; the same heads may be appended again then.
  mutating func append(_ heads: [JournalHead]) throws(FileError) {
    guard let first = heads.first else { return }
    let lines = heads.map { $0.line + "\n" }.joined().utf8.map(\.self)
    do throws(FileError) {
      if file == nil || size >= largestFile { try begin(at: first) }
      try file?.append(lines)
    } catch {
      // A part of a line may stand at its end.
      file = nil
      throw error
    }
    size += Int64(lines.count)
    last = heads.last
  }

  /// A file that has the name already holds nothing but the beginning of this line.
  private mutating func begin(at head: JournalHead) throws(FileError) {
    let digits = String(head.first)
    let name = String(repeating: "0", count: max(0, 19 - digits.count)) + digits
    file = try AppendedFile("\(folder)/\(name).heads", isEmptied: true)
    size = 0
  }
}
