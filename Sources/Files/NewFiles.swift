import CLinux
import Glibc

/// Files that a person names and that must not be there yet. What somebody else made is never replaced, under no name.
extension Files {
  /// Makes a file so that after a crash it is there whole, or not at all, and under no other name.
  ///
  /// - Parameter mode: rights of the file, 0600 where it is secret.
  /// - Throws: ``FileError``, also where something stands at the path.
  public static func make(_ bytes: [UInt8], at path: String, mode: mode_t) throws(FileError) {
    let (file, temporary) = try openUnplaced(beside: path, mode: mode)
    defer { drop(file, temporary) }
    guard fill(file, with: bytes) else { throw FileError(path: path, doing: "write", code: errno) }
    // Unlike rename(2), linkat(2) replaces nothing.
    let isLinked =
      if let temporary { link(temporary, path) == 0 } else {
        linkat(AT_FDCWD, "\(descriptors)/\(file)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0
      }
    guard isLinked else {
      throw errno == EEXIST ? FileError(existing: path) : FileError(path: path, doing: "make", code: errno)
    }
    try syncFolder(of: path)
  }

  /// Tries whether ``make(_:at:mode:)`` can make a file.
  ///
  /// - Throws: ``FileError``.
  public static func checkMakeable(_ path: String) throws(FileError) {
    let (file, temporary) = try openUnplaced(beside: path, mode: 0o600)
    drop(file, temporary)
  }

  /// Puts a file in the place of one that a person names, or of none, so that after a crash either is there.
  ///
  /// - Parameter mode: rights of the new file.
  /// - Throws: ``FileError``.
  public static func put(_ bytes: [UInt8], at path: String, mode: mode_t) throws(FileError) {
    let (file, temporary) = try openTemporary(beside: path, mode: mode)
    try fill(file, temporary, with: bytes, andPutAt: path)
  }

  /// Whether two paths lead to one file, or would once it is made: through links, or with `..` in one of them.
  public static func isSame(_ path: String, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    if stat(path, &first) == 0, stat(other, &second) == 0 {
      return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
    let (place, otherPlace) = (split(path), split(other))
    guard place.name == otherPlace.name, stat(place.folder, &first) == 0, stat(otherPlace.folder, &second) == 0 else {
      return false
    }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }

  /// Removes a folder that has nothing in it, any other stays.
  public static func removeEmptyFolder(_ path: String) { rmdir(path) }

  /// The folder that a path is in, and the name there.
  static func split(_ path: String) -> (folder: String, name: Substring) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
    return (slash == path.startIndex ? "/" : String(path[..<slash]), path[path.index(after: slash)...])
  }

  /// Links to this process's open files, by which one without a name gets one (open(2), O_TMPFILE).
  private static let descriptors = "/proc/self/fd"

  /// A new file without a name, of which a kill leaves nothing; under a name that nothing had where the file system knows
  /// no others.
  private static func openUnplaced(
    beside path: String, mode: mode_t
  ) throws(FileError) -> (file: Int32, temporary: String?) {
    let file = access(descriptors, X_OK) == 0 ? countersign_open_unnamed(split(path).folder, mode) : -1
    return file >= 0 ? (file, nil) : try openTemporary(beside: path, mode: mode)
  }

  private static func drop(_ file: Int32, _ temporary: String?) {
    close(file)
    if let temporary { unlink(temporary) }
  }

  /// A new file under a name that nothing had.
  private static func openTemporary(
    beside path: String, mode: mode_t
  ) throws(FileError) -> (file: Int32, path: String) {
    let (folder, _) = split(path)
    for _ in 0..<100 {
      let temporary = "\(folder)/.countersign-\(String(UInt64.random(in: .min ... .max), radix: 36))"
      let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      if file >= 0 { return (file, temporary) }
      guard errno == EEXIST else { break }
    }
    throw FileError(path: path, doing: "write", code: errno)
  }
}
