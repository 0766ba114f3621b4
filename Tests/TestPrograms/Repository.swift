import Foundation

/// Files of the repository.
public enum Repository {
  public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  public static func path(_ name: String) -> String { root.appending(path: name).path() }

  /// Python with what Tests/Python needs from PyPI; `Scripts/prepare tests` makes it.
  public static let python = path(".venv/bin/python3")
  /// Debian's Python, where a test needs one of Debian's packages.
  public static let debianPython = "/usr/bin/python3"

  /// Runs a program of Tests/Python to its end.
  public static func runPython(
    _ program: String, _ arguments: [String], with python: String = python
  ) throws -> ProgramResult {
    try runProgram(python, [path("Tests/Python/\(program)")] + arguments, folder: root.path())
  }
}
