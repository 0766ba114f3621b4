import Glibc

/// Reading and writing of small files that must not be lost or read by others. Keys, certificates, profiles.
public enum Files {
  /// Reads a whole file.
  ///
  /// - Parameter limit: most bytes that the file may have.
  /// - Throws: ``FileError`` with path and cause.
  public static func read(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
      guard count > 0 else { return bytes }
      bytes.append(contentsOf: chunk[..<count])
      guard bytes.count <= limit else { throw FileError(path: path, doing: "read", code: EFBIG) }
    }
  }

  /// Reads a file that others must not be able to read.
  ///
  /// - Throws: ``FileError``, also where group or others have any right to it.
  public static func readSecret(_ path: String, limit: Int = 1 << 16) throws(FileError) -> [UInt8] {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError(path: path, doing: "read", code: errno) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw FileError(path: path, doing: "read", code: EISDIR) }
    guard status.st_mode & 0o077 == 0 else {
      throw FileError(path: path, doing: "read", cause: "others may read it; run chmod 600 on it")
    }
    return try read(path, limit: limit)
  }

  /// Reads a file that a program's folder must have.
  ///
  /// - Parameters:
  ///   - isSecret: whether others must not be able to read it.
  ///   - advice: what people do where it is missing.
  /// - Throws: ``FileError``, where the file is missing one that is ``FileError/isOfFolder``.
  public static func readPart(
    _ path: String, isSecret: Bool = false, limit: Int = 1 << 16, orElse advice: String
  ) throws(FileError) -> [UInt8] {
    do {
      return isSecret ? try readSecret(path, limit: limit) : try read(path, limit: limit)
    } catch {
      throw error.code == ENOENT || error.code == ENOTDIR ? FileError(missing: path, advice) : error
    }
  }

  /// Writes a file so that after a crash either the former or the new contents are there.
  ///
  /// - Parameter mode: rights of the new file, 0600 where it is secret.
  public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(FileError) {
    let temporary = path + ".new"
    unlink(temporary)
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else { throw FileError(path: path, doing: "write", code: errno) }
    try fill(file, temporary, with: bytes, andPutAt: path)
  }

  /// Looks whether a file that a person names may be put at a path: what is there already must be a file, since a device,
  /// pipe or link would be replaced by one.
  ///
  /// - Throws: ``FileError``.
  public static func checkReplaceable(_ path: String) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw FileError(path: path, doing: "write", code: EISDIR) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(path: path, doing: "write", cause: "it is no regular file, which would be replaced; name another")
    }
  }

  /// Makes what was written to a file durable.
  public static func sync(_ path: String) throws(FileError) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw FileError(path: path, doing: "write", code: errno) }
  }

  /// Makes durable which files lie in the folder that a path is in: a file that was made, renamed or removed is so for
  /// good only then.
  public static func syncFolder(of path: String) throws(FileError) {
    try sync(split(path).folder)
  }

  /// Puts a file in the place of another.
  public static func rename(_ path: String, to new: String) throws(FileError) {
    guard Glibc.rename(path, new) == 0 else { throw FileError(path: path, doing: "rename", code: errno) }
    try? syncFolder(of: new)
  }

  /// Makes a folder for its owner alone; one that exists is left as it is.
  public static func makeFolder(_ path: String) throws(FileError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw FileError(path: path, doing: "make", code: errno)
    }
  }

  /// Names in a folder, sorted.
  ///
  /// - Parameter hidden: also those that begin with a dot, but for "." and "..".
  public static func names(in path: String, hidden: Bool = false) throws(FileError) -> [String] {
    guard let folder = opendir(path) else { throw FileError(path: path, doing: "list", code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") || hidden && name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether anything stands at this path.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Whether anything stands at this path, where that can be told.
  ///
  /// - Throws: ``FileError`` where a folder on the way may not be looked into.
  public static func isThere(_ path: String) throws(FileError) -> Bool {
    if access(path, F_OK) == 0 { return true }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError(path: path, doing: "read", code: errno) }
    return false
  }

  /// When a file was last written, seconds since 1970-01-01T00:00:00Z; nil where there is none.
  public static func modified(_ path: String) -> Int64? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Int64(status.st_mtim.tv_sec)
  }

  /// What changes where a file is written or replaced; nil where there is none.
  public static func stamp(_ path: String) -> FileStamp? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return FileStamp(
      inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int64(status.st_mtim.tv_sec),
      nanoseconds: Int64(status.st_mtim.tv_nsec))
  }

  /// Whether a file that a program's folder must have belongs to the user that this process acts for.
  ///
  /// - Parameter advice: what people do where it is missing.
  /// - Throws: ``FileError``, where the file is missing one that is ``FileError/isOfFolder``.
  public static func isOwn(_ path: String, orElse advice: String) throws(FileError) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw errno == ENOENT ? FileError(missing: path, advice) : FileError(path: path, doing: "read", code: errno)
    }
    return status.st_uid == geteuid()
  }

  /// Overwrites a file with zeros and removes it; one that is not there is no error.
  public static func destroy(_ path: String) throws(FileError) {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    if file >= 0 {
      var status = stat()
      fstat(file, &status)
      let zeros = [UInt8](repeating: 0, count: Int(status.st_size))
      _ = Glibc.write(file, zeros, zeros.count)
      fsync(file)
      close(file)
    }
    guard unlink(path) == 0 || errno == ENOENT else { throw FileError(path: path, doing: "remove", code: errno) }
    try? syncFolder(of: path)
  }

  /// Fills a new file under a name of its own, durably, and puts it in the place of another. After an error it is removed.
  static func fill(
    _ file: Int32, _ temporary: String, with bytes: [UInt8], andPutAt path: String
  ) throws(FileError) {
    guard fill(file, with: bytes) else { throw abandon(file, temporary, path) }
    close(file)
    do {
      try rename(temporary, to: path)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  /// Writes to an open file and makes that durable.
  ///
  /// - Returns: false where it failed, with the cause in `errno`.
  static func fill(_ file: Int32, with bytes: [UInt8]) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + written, bytes.count - written) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return fsync(file) == 0
  }

  static func abandon(_ file: Int32, _ temporary: String, _ path: String) -> FileError {
    let code = errno
    close(file)
    unlink(temporary)
    return FileError(path: path, doing: "write", code: code)
  }
}

/// Identity, size and last change of a file.
public struct FileStamp: Sendable, Equatable {
  let inode: UInt64
  public let size: Int64
  let seconds: Int64
  let nanoseconds: Int64
}

/// A file that could not be used: path, what was tried, and why.
public struct FileError: Error, Sendable, CustomStringConvertible {
  public let path: String
  public let description: String
  /// The system's error number; 0 where the cause is not the system's.
  public let code: Int32
  /// Whether a program's folder is not what it must be: a file is missing, or people wrote something wrong into one.
  public let isOfFolder: Bool

  /// An error with what people should know or do besides.
  public init(_ error: FileError, besides: String) {
    (path, code, isOfFolder) = (error.path, error.code, error.isOfFolder)
    description = "\(error.description); \(besides)"
  }

  public init(path: String, doing: String, code: Int32) {
    self.path = path
    self.code = code
    isOfFolder = false
    description = "cannot \(doing) \(path): \(String(cString: strerror(code)))"
  }

  /// A file that stands where one was to be made, and what to do.
  public init(existing path: String, _ advice: String = "name another file") {
    self.init(path: path, doing: "make", cause: "it exists already; \(advice)")
  }

  /// A file that a program's folder lacks, and what to do.
  public init(missing path: String, _ advice: String) {
    self.path = path
    code = ENOENT
    isOfFolder = true
    description = "\(path) is missing; \(advice)"
  }

  /// A file whose contents are not what they must be.
  ///
  /// - Parameter isOfFolder: whether people wrote them.
  public init(path: String, doing: String, cause: String, isOfFolder: Bool = false) {
    self.path = path
    code = 0
    self.isOfFolder = isOfFolder
    description = "cannot \(doing) \(path): \(cause)"
  }
}
