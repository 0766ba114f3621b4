import Files
import ProgramSupport
import Synchronization

/// Lines of a file of heads, one after the other; the file may be longer than memory.
struct HeadFile {
  struct Line {
    let text: String
    /// For example "heads/2026-11-28.heads, line 7".
    let place: String
  }

  /// Longer than any head.
  private static let longestLine = 1_024

  private let file: OpenFile
  private var offset: Int64 = 0
  private var number = 0
  private var bytes: [UInt8] = []
  /// Where the next line begins in `bytes`.
  private var begin = 0

  /// - Throws: `FileError`.
  init(_ path: String) throws { file = try OpenFile(path) }

  /// The file itself, or all files of a folder in order of their names.
  static func files(_ path: String) throws -> [String] {
    guard let names = try? Files.names(in: path) else { return [path] }
    return names.map { "\(path)/\($0)" }
  }

  /// The files of heads in a folder; none where there is no folder.
  static func kept(_ folder: String) throws -> [String] {
    try Files.isThere(folder) ? files(folder).filter { $0.hasSuffix(".heads") } : []
  }

  /// A last line without its end is still being written, or its writing was cut off: it is left out.
  ///
  /// - Returns: nil at the end.
  /// - Throws: `FileError`; ``ProgramError`` where the file cannot be one of heads.
  mutating func next() throws -> Line? {
    var end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n"))
    while end == nil {
      guard bytes.count - begin <= Self.longestLine else {
        throw ProgramError(.input, "\(file.path), line \(number + 1): is no head")
      }
      let count = try fill()
      if count == 0 { break }
      end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n"))
    }
    guard let end else { return nil }
    let line = bytes[begin..<end]
    number += 1
    begin = end + 1
    return Line(text: String(decoding: line, as: UTF8.self), place: "\(file.path), line \(number)")
  }

  private mutating func fill() throws -> Int {
    bytes.removeFirst(begin)
    begin = 0
    let count = try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { room in
      let count = try file.read(at: offset, into: room)
      bytes.append(contentsOf: room[..<count])
      return count
    }
    offset += Int64(count)
    return count
  }
}

/// Tells on standard error how far a long piece of work is, at most once a second.
final class ProgressLines: Sendable {
  private let next = Mutex(ContinuousClock.now + .seconds(1))

  @Sendable func tell(_ done: Int64, of all: Int64) {
    let isDue = next.withLock { next in
      guard ContinuousClock.now >= next else { return false }
      next = .now + .seconds(1)
      return true
    }
    if isDue { Console.complain("\(done) of \(all) records verified") }
  }
}
