import Files
import Glibc

/// A new program that is written beside the installed one and then takes its place. At every moment one of the two
/// stands there whole; the former one stays as `NAME.former`.
final class ProgramReplacement {
  private let path: String
  /// Where the new one is written.
  let temporary: String
  /// The installed program; locked, so that one update of it runs at a time. The lock goes with the process.
  private let installed: Int32
  /// The new one; -1 once it is complete.
  private var file: Int32 = -1
  private let mode: mode_t
  /// Bytes written.
  private(set) var count: UInt64 = 0

  /// Begins to write beside `path`.
  ///
  /// - Throws: ``UpdateError/busy(_:)`` where another update has begun, `FileError`.
  init(_ path: String) throws {
    self.path = path
    temporary = "\(path).new"
    installed = open(path, O_RDONLY | O_CLOEXEC)
    guard installed >= 0 else { throw FileError(path: path, doing: "update", code: errno) }
    var (locked, named) = (stat(), stat())
    // Another update may have put its own program there before the lock was had.
    guard flock(installed, LOCK_EX | LOCK_NB) == 0, fstat(installed, &locked) == 0, stat(path, &named) == 0,
      locked.st_ino == named.st_ino, locked.st_dev == named.st_dev
    else {
      close(installed)
      throw UpdateError.busy(path)
    }
    mode = locked.st_mode & 0o777
    // What a cut-off update left goes.
    unlink(temporary)
    file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      let code = errno
      close(installed)
      throw FileError(path: temporary, doing: "write", code: code)
    }
  }

  deinit {
    closeFile()
    close(installed)
  }

  private func closeFile() {
    if file >= 0 { close(file) }
    file = -1
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let result = Glibc.write(file, bytes.baseAddress! + written, bytes.count - written)
      if result < 0, errno == EINTR { continue }
      guard result > 0 else { throw FileError(path: temporary, doing: "write", code: errno) }
      written += result
    }
    count += UInt64(bytes.count)
  }

  /// Gives the new program the rights of the installed one and makes it durable.
  func complete() throws(FileError) {
    guard fchmod(file, mode) == 0, fsync(file) == 0 else {
      throw FileError(path: temporary, doing: "write", code: errno)
    }
    // A file that is open for writing cannot be started.
    closeFile()
  }

  /// Keeps the installed program under its second name and puts the new one in its place.
  ///
  /// - Returns: the path of the former one.
  func replace() throws(FileError) -> String {
    let former = "\(path).former"
    let link = "\(former).new"
    unlink(link)
    guard Glibc.link(path, link) == 0 else { throw FileError(path: former, doing: "write", code: errno) }
    try Files.rename(link, to: former)
    try Files.rename(temporary, to: path)
    return former
  }

  /// Leaves everything as it was.
  func abandon() { unlink(temporary) }
}
