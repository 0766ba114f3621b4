import ArgumentParser
import Glibc

/// Standard input, output and the terminal, without buffering surprises.
public enum Console {
  /// Writes a line to standard output. Where nobody reads it any more, as behind `| head -1`, the program ends without a
  /// word, by SIGPIPE as other Unix programs do; a shell tells 141. Where it cannot be written for another reason it goes
  /// to standard error, and the program ends with 74.
  public static func print(_ line: String) {
    if write(line + "\n", to: STDOUT_FILENO) { return }
    if errno == EPIPE { Program.end(bySignal: SIGPIPE) }
    lost("\(line)\nand what follows it; a command that only reads may be given again")
  }

  /// Writes what has happened and must not get lost, in one piece, so that a reader that takes the first line alone gets
  /// all of it. Where it cannot be written, also where nobody reads, it goes to standard error, and the program ends with
  /// 74.
  ///
  /// - Parameter advice: what people do where that is lost too.
  public static func report(_ lines: [String], orElse advice: String? = nil) {
    let text = lines.joined(separator: "\n")
    if write(text + "\n", to: STDOUT_FILENO) { return }
    lost(text + (advice.map { "\n\($0)" } ?? ""))
  }

  private static func lost(_ line: String) -> Never {
    let cause = String(cString: strerror(errno))
    complain("error: standard output cannot be written (\(cause)); it would have said:\n\(line)")
    exit(ExitStatus.file.rawValue)
  }

  /// Writes a line to standard error.
  public static func complain(_ line: String) { _ = write(line + "\n", to: STDERR_FILENO) }

  /// Whether a person can be asked.
  public static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 }

  /// Reads standard input to its end.
  ///
  /// - Throws: ``ProgramError`` where it is longer than `limit` bytes.
  public static func readInput(limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    defer { erase(&chunk) }
    while true {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else {
        throw ProgramError(.input, "standard input is longer than \(limit) bytes; one JSON object is wanted")
      }
    }
  }

  /// Overwrites bytes that were secret.
  public static func erase(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
    }
  }

  /// - Returns: whether all of it was written.
  static func write(_ text: String, to file: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        written += count
      }
      return true
    }
  }
}

/// How results are printed.
public enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case text
  case json
}
