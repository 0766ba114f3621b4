import Glibc

/// A file that grows at its end alone; closed with its last reference.
public final class AppendedFile {
  public let path: String
  private let descriptor: Int32

  /// Opens or makes a file.
  ///
  /// - Parameter isEmptied: whether what is in it goes away.
  /// - Throws: ``FileError`` with path and cause.
  public init(_ path: String, isEmptied: Bool = false, mode: mode_t = 0o644) throws(FileError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (isEmptied ? O_TRUNC : 0), mode)
    guard descriptor >= 0 else { throw FileError(path: path, doing: "write", code: errno) }
  }

  deinit { close(descriptor) }

  /// Appends bytes and makes them durable. After an error a part of them may stand there.
  public func append(_ bytes: [UInt8]) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError(path: path, doing: "write", code: errno) }
      written += count
    }
    guard fdatasync(descriptor) == 0 else { throw FileError(path: path, doing: "write", code: errno) }
  }
}
