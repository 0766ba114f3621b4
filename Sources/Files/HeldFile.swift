import Glibc

/// A secret file that one process at a time holds, from when this is made to its last reference (flock(2)).
public final class HeldFile: Sendable {
  public let path: String
  private let descriptor: Int32

  /// Takes a file, which is made where there is none, mode 0600.
  ///
  /// - Throws: ``FileError``, also where another process holds it, it is no regular file, or others may read it.
  public init(_ path: String) throws(FileError) {
    self.path = path
    while true {
      let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
      guard file >= 0 else { throw FileError(path: path, doing: "write", code: errno) }
      do {
        guard try Self.hold(file, path) else {
          close(file)
          continue
        }
      } catch {
        close(file)
        throw error
      }
      descriptor = file
      return
    }
  }

  deinit { close(descriptor) }

  /// - Returns: false where the one who held it before has removed it meanwhile.
  private static func hold(_ file: Int32, _ path: String) throws(FileError) -> Bool {
    var (held, named) = (stat(), stat())
    guard fstat(file, &held) == 0 else { throw FileError(path: path, doing: "read", code: errno) }
    guard held.st_mode & S_IFMT == S_IFREG else {
      throw FileError(path: path, doing: "read", cause: "is no regular file")
    }
    guard held.st_mode & 0o077 == 0 else {
      throw FileError(path: path, doing: "read", cause: "others may read it; run chmod 600 on it")
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK
        ? FileError(path: path, doing: "use", cause: "another command is at work with it; wait for its end")
        : FileError(path: path, doing: "use", code: errno)
    }
    return lstat(path, &named) == 0 && named.st_dev == held.st_dev && named.st_ino == held.st_ino
  }

  /// What is in it.
  public func contents(limit: Int = 1 << 16) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit)
    var filled = 0
    while filled < limit {
      let count = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + filled, limit - filled, off_t(filled))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
      guard count > 0 else { break }
      filled += count
    }
    return Array(bytes[..<filled])
  }

  /// Fills an empty file and makes it durable. After an error it is removed.
  public func fill(with bytes: [UInt8]) throws(FileError) {
    guard Files.fill(descriptor, with: bytes) else {
      let error = FileError(path: path, doing: "write", code: errno)
      unlink(path)
      throw error
    }
    try Files.syncFolder(of: path)
  }

  /// Removes it where what was in it is kept elsewhere, so that nothing is lost where a crash brings it back.
  ///
  /// - Throws: ``FileError`` where it is still there.
  public func remove() throws(FileError) {
    guard unlink(path) == 0 else { throw FileError(path: path, doing: "remove", code: errno) }
    try? Files.syncFolder(of: path)
  }

  /// Overwrites it with zeros and removes it.
  public func destroy() throws(FileError) { try Files.destroy(path) }
}
