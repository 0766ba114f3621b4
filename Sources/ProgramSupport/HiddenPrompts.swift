import CLinux
import Glibc
import Synchronization

/// Questions to a person whose answers must not be seen.
///
/// Echo stays off from the first question to the end of ``during(_:)``, so that what is typed ahead, by a scanner for
/// example, is neither shown nor lost: it is the answer to the next question. Every end puts the terminal's settings
/// back: errors, exit, and signals (`countersign_hide_input`).
public enum HiddenPrompts {
  private struct State {
    var depth = 0
    /// The open terminal while its echo is off.
    var terminal: Int32?
  }
  private static let state = Mutex(State())

  /// Keeps echo off between the questions that `body` asks; nothing happens before the first one.
  public static func during<R>(_ body: () async throws -> R) async rethrows -> R {
    begin()
    defer { end() }
    return try await body()
  }

  /// The same where nothing is waited for but the answers.
  public static func duringAsking<R>(_ body: () throws -> R) rethrows -> R {
    begin()
    defer { end() }
    return try body()
  }

  /// Asks for one line. A job in the background is stopped until a shell brings it to the front.
  ///
  /// - Throws: ``ProgramError`` where there is nobody to ask, or the input ends.
  public static func ask(_ question: String) throws -> [UInt8] {
    try asJob { try askInFront(question) }
  }

  /// Threads of Swift's tasks block the signals that stop a job in the background. Then the kernel lets it change the
  /// terminal of the job in front, and tells it that the input has ended.
  private static func asJob<R>(_ body: () throws -> R) rethrows -> R {
    var (stops, former) = (sigset_t(), sigset_t())
    sigemptyset(&stops)
    for signal in [SIGTTIN, SIGTTOU] { sigaddset(&stops, signal) }
    pthread_sigmask(SIG_UNBLOCK, &stops, &former)
    defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
    return try body()
  }

  private static func askInFront(_ question: String) throws -> [UInt8] {
    begin()
    defer { end() }
    guard let terminal = hide() else {
      throw ProgramError(.usage, "\(question) is needed and there is no terminal to ask on in the foreground")
    }
    // Only now: what is typed before echo is off is dropped.
    let prompt = "\(question): "
    countersign_set_prompt(prompt)
    _ = Console.write(prompt, to: terminal)
    defer {
      countersign_set_prompt("")
      _ = Console.write("\n", to: terminal)
    }
    return try readLine(from: terminal, limit: 1_024, question)
  }

  /// Drops what was typed ahead: after a wrong answer it would be taken for the answer to another question.
  public static func dropTypedAhead() {
    if let terminal = state.withLock({ $0.terminal }) { tcflush(terminal, TCIFLUSH) }
  }

  private static func begin() { state.withLock { $0.depth += 1 } }

  private static func end() {
    state.withLock { state in
      state.depth -= 1
      guard state.depth == 0, let terminal = state.terminal.take() else { return }
      countersign_show_input()
      close(terminal)
    }
  }

  /// - Returns: the terminal, its echo off; nil where there is none.
  private static func hide() -> Int32? {
    state.withLock { state in
      if let terminal = state.terminal { return terminal }
      let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC)
      guard terminal >= 0 else { return nil }
      guard countersign_hide_input(terminal) else {
        close(terminal)
        return nil
      }
      state.terminal = terminal
      return terminal
    }
  }

  private static func readLine(from file: Int32, limit: Int, _ question: String) throws -> [UInt8] {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    defer { byte = 0 }
    while true {
      let count = read(file, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else {
        // Ctrl-D behind some characters hands them over; at a line's beginning it is the end.
        if line.isEmpty { throw ProgramError(.input, "\(question) was not answered: the input has ended") }
        return line
      }
      if byte == UInt8(ascii: "\n") { return line }
      line.append(byte)
      guard line.count <= limit else { throw ProgramError(.input, "the line is longer than \(limit) bytes") }
    }
  }
}
