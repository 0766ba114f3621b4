import Files
import ProgramSupport

/// A file that a person names with `--output`.
enum OutputFile {
  /// - Throws: ``ProgramError``, `FileError` where no file may be put there; nothing was written then.
  static func check(_ path: String) throws {
    guard path != "-" else {
      throw ProgramError(.usage, "--output -: nothing is written to standard output; name a file")
    }
    guard !path.isEmpty, !path.hasSuffix("/") else { throw ProgramError(.usage, "--output \"\(path)\": name a file") }
    try Files.checkReplaceable(path)
  }
}
