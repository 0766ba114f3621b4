import Glibc

/// Starts a new program once before it is installed: one that lacks a library of this machine must not replace one that
/// works. It was verified before.
struct ProgramTrial {
  let path: String

  /// Longest wait for the program's end, milliseconds.
  private static let patience = 10_000
  /// What a program may need to find its libraries.
  private static let passedOn = ["PATH", "LD_LIBRARY_PATH"]

  /// Runs `PATH --version`.
  ///
  /// - Throws: ``UpdateError/unusable(_:)`` where it does not end well within 10 s, or says something else.
  func run(saying expected: String) throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw unusable(String(cString: strerror(errno))) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let child: pid_t
    do {
      defer { close(ends[1]) }
      child = try spawn(output: ends[1])
    }
    let said = read(ends[0])
    // Where it is still running it has said nothing in time.
    if said == nil { kill(child, SIGKILL) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard let said, status == 0 else { throw unusable("it does not start here") }
    guard said == expected else { throw unusable("it says \"\(said)\" of itself") }
  }

  private func spawn(output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let arguments = Self.copied([path, "--version"])
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let environment = Self.copied(
      Self.passedOn.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } })
    defer { for variable in environment { free(variable) } }
    let code = posix_spawn(&child, path, &actions, nil, arguments, environment)
    guard code == 0 else { throw unusable(String(cString: strerror(code))) }
    return child
  }

  /// As C takes lists of text.
  private static func copied(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    texts.map { text in strdup(text) } + [nil]
  }

  /// What comes until the other end closes, without the newline at its end; nil: too long or too late.
  private func read(_ file: Int32) -> String? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 256)
    var polled = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = poll(&polled, 1, Int32(Self.patience))
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { return nil }
      let count = Glibc.read(file, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
      guard bytes.count <= 1_024 else { return nil }
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func unusable(_ why: String) -> UpdateError {
    .unusable("the offered program cannot be used: \(why); nothing was changed")
  }
}
