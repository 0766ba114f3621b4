import Glibc

extension Files {
  /// Removes a folder with all that is in it; links are removed, not followed. One that is not there is no error.
  ///
  /// - Throws: ``FileError`` that names what could not be removed.
  public static func removeFolder(_ path: String) throws(FileError) {
    guard try isThere(path) else { return }
    for name in try names(in: path, hidden: true) {
      let entry = "\(path)/\(name)"
      var status = stat()
      guard lstat(entry, &status) == 0 else { throw FileError(path: entry, doing: "remove", code: errno) }
      if status.st_mode & S_IFMT == S_IFDIR {
        try removeFolder(entry)
      } else if unlink(entry) != 0 {
        throw FileError(path: entry, doing: "remove", code: errno)
      }
    }
    guard rmdir(path) == 0 else { throw FileError(path: path, doing: "remove", code: errno) }
  }
}
