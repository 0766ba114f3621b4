import Glibc

/// A file that is open for reading at any place; closed with its last reference. One that is replaced or removed
/// meanwhile can still be read.
public final class OpenFile: Sendable {
  public let path: String
  /// Bytes when it was opened.
  public let size: Int64
  private let descriptor: Int32

  /// - Throws: ``FileError`` with path and cause, also where it is no regular file.
  public init(_ path: String) throws(FileError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw FileError(path: path, doing: "read", cause: "is no regular file")
    }
    size = Int64(status.st_size)
  }

  deinit { close(descriptor) }

  /// Reads the whole file.
  ///
  /// - Parameter limit: most bytes that it may have.
  /// - Throws: ``FileError``.
  public func contents(limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
    guard size <= limit else { throw FileError(path: path, doing: "read", code: EFBIG) }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count: Int
    do {
      count = try bytes.withUnsafeMutableBytes { try read(at: 0, into: $0) }
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(path: path, doing: "read", cause: "\(error)")
    }
    return Array(bytes.prefix(count))
  }

  /// Reads bytes at a place.
  ///
  /// - Returns: how many were read; fewer than there is room for, or 0, only at the end of the file.
  /// - Throws: ``FileError``.
  public func read(at offset: Int64, into room: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
    var filled = 0
    while filled < room.count {
      let count = pread(descriptor, room.baseAddress! + filled, room.count - filled, off_t(offset) + off_t(filled))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError(path: path, doing: "read", code: errno) }
      guard count > 0 else { break }
      filled += count
    }
    return filled
  }
}
