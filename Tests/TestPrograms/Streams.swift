import CTestPrograms
import Foundation
import Synchronization

/// Standard input, output and errors of a program.
final class Streams: Sendable {
  let output = Collected()
  let errors = Collected()
  private let input: Mutex<Int32?>
  private let started: Mutex<Ends>

  /// Descriptors between the test and the program.
  private struct Ends {
    /// The program's standard input, output and errors; closed here once it runs.
    var programs: [Int32]
    /// What this side reads, with where it is kept.
    var read: [(descriptor: Int32, into: Collected?)]
  }

  init(_ output: RunningProgram.Output, _ errors: RunningProgram.Output) throws {
    // Writing to a program that has ended tells so, and ends no test.
    signal(SIGPIPE, SIG_IGN)
    let stdin = try Self.pipe()
    input = Mutex(stdin.write)
    var ends = Ends(programs: [stdin.read], read: [])
    for (kind, kept) in [(output, self.output), (errors, self.errors)] {
      switch kind {
      case .kept, .unread:
        let pipe = try Self.pipe()
        ends.programs.append(pipe.write)
        if case .kept = kind { ends.read.append((pipe.read, kept)) } else { ends.read.append((pipe.read, nil)) }
      case .nowhere: ends.programs.append(try Self.open("/dev/null"))
      case .file(let path): ends.programs.append(try Self.open(path))
      case .withOutput: ends.programs.append(dup(ends.programs[1]))
      }
    }
    started = Mutex(ends)
  }

  deinit {
    endInput()
    // Those that are kept belong to their readers.
    for (descriptor, into) in started.withLock({ $0.read }) where into == nil { close(descriptor) }
  }

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard test_pipe(&ends) == 0 else { throw ProgramFailure(text: "no pipe: \(errno)") }
    return (ends[0], ends[1])
  }

  private static func open(_ path: String) throws -> Int32 {
    let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw ProgramFailure(text: "\(path) cannot be opened: \(errno)") }
    return descriptor
  }

  func spawn(_ path: String, _ arguments: [String], _ environment: [String], in folder: String?) throws -> pid_t {
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for text in words + variables { free(text) } }
    let programs = started.withLock { $0.programs }
    defer { for descriptor in programs { close(descriptor) } }
    let pid = test_spawn(path, words, variables, folder, programs)
    guard pid > 0 else {
      throw ProgramFailure(text: "\(path) cannot be started: \(String(cString: strerror(-pid)))")
    }
    return pid
  }

  /// Reads what is kept.
  func begin() {
    for (descriptor, into) in started.withLock({ $0.read }) { into?.read(descriptor) }
  }

  /// Waits until both outputs are read to their ends: at most 10 seconds, for programs of its own may hold them open.
  func finish() {
    for (_, into) in started.withLock({ $0.read }) { into?.finish() }
  }

  func write(_ bytes: [UInt8]) {
    input.withLock { input in
      guard let input else { return }
      var written = 0
      while written < bytes.count {
        let count = bytes[written...].withUnsafeBytes { Foundation.write(input, $0.baseAddress, $0.count) }
        guard count > 0 || errno == EINTR else { return }
        written += max(0, count)
      }
    }
  }

  func endInput() {
    input.withLock { input in
      if let descriptor = input { close(descriptor) }
      input = nil
    }
  }
}

/// What one output printed, read on a thread of its own.
final class Collected: Sendable {
  private let bytes = Mutex<[UInt8]>([])
  private let isOver = DispatchSemaphore(value: 0)

  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

  func read(_ descriptor: Int32) {
    Thread.detachNewThread { [self] in
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = Foundation.read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        bytes.withLock { $0 += buffer[..<count] }
      }
      close(descriptor)
      isOver.signal()
    }
  }

  func finish() {
    if isOver.wait(timeout: .now() + 10) == .success { isOver.signal() }
  }
}
