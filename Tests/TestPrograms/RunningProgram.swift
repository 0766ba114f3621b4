import Foundation
import Synchronization

/// A program that a test runs beside itself; killed with the object.
///
/// A program inherits none of the test's descriptors: one that it keeps open holds another program's pipe, or a lock of
/// the test, for as long as it lives. Foundation's `Process` leaves that to chance where two are started at once.
public final class RunningProgram: Sendable {
  /// Where one of its two outputs goes.
  public enum Output: Sendable {
    /// Into ``RunningProgram/output`` or ``RunningProgram/errors``.
    case kept
    /// A pipe that nobody reads from.
    case unread
    case nowhere
    /// After what the file has.
    case file(String)
    /// Errors only: where the output goes.
    case withOutput
  }

  public let pid: pid_t
  private let streams: Streams
  private let ended = Mutex<Int32?>(nil)

  /// Starts it.
  ///
  /// - Parameters:
  ///   - path: a path, or a name that is looked up in PATH.
  ///   - environment: set besides the test's own.
  ///   - folder: where it runs; nil: where the test does.
  /// - Throws: ``ProgramFailure`` where it cannot be started.
  public init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], folder: String? = nil,
    output: Output = .kept, errors: Output = .nowhere
  ) throws {
    streams = try Streams(output, errors)
    let environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    pid = try streams.spawn(path, arguments, environment.map { "\($0)=\($1)" }, in: folder)
    streams.begin()
  }

  deinit { kill() }

  /// What it has printed so far.
  public var output: String { streams.output.text }
  public var errors: String { streams.errors.text }

  /// Types something. Nobody reads it where the program has ended.
  public func type(_ text: String) { streams.write(Array(text.utf8)) }

  /// Ends its standard input.
  public func endInput() { streams.endInput() }

  public var isRunning: Bool { status() == nil }

  public func signal(_ number: Int32) {
    ended.withLock { if $0 == nil { Foundation.kill(pid, number) } }
  }

  /// Ends it without a word to anybody.
  public func kill() {
    signal(SIGKILL)
    _ = try? wait()
  }

  /// Waits until it ends by itself.
  ///
  /// - Parameter seconds: after that it is killed.
  /// - Returns: its exit code, or 128 and the number of the signal that ended it, as a shell tells it.
  @discardableResult
  public func wait(atMost seconds: Int = 240) throws -> Int32 {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      if let status = status() { return status }
      guard ContinuousClock.now < end else {
        signal(SIGKILL)
        throw ProgramFailure(text: "still running after \(seconds) s: \(output)\(errors)")
      }
      usleep(2_000)
    }
  }

  /// Waits until it ends and all that it printed is read.
  public func result() throws -> ProgramResult {
    let status = try wait()
    streams.finish()
    return ProgramResult(status: status, output: output, errors: errors)
  }

  /// Waits until it has printed `words`.
  ///
  /// - Returns: what it has printed so far.
  /// - Throws: ``ProgramFailure`` where it ends first, or prints something else for a minute.
  @discardableResult
  public func prints(_ words: String) throws -> String {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      // Asked before its output is read: what it printed at its end counts.
      let isOver = !isRunning
      if isOver { streams.finish() }
      if output.contains(words) { return output }
      if isOver { break }
      usleep(2_000)
    }
    throw ProgramFailure(text: "did not print \(words): \(output)\(errors)")
  }

  private func status() -> Int32? {
    ended.withLock { ended in
      if ended == nil {
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid {
          ended = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
        }
      }
      return ended
    }
  }
}

/// How a program ended and what it printed.
public struct ProgramResult: Sendable {
  public let status: Int32
  public let output: String
  public let errors: String
  public var lines: [Substring] { output.split(separator: "\n") }

  /// - Throws: ``ProgramFailure`` where the program did not end with 0.
  @discardableResult
  public func good() throws -> ProgramResult {
    guard status == 0 else { throw ProgramFailure(text: "ended with \(status): \(output)\(errors)") }
    return self
  }
}

/// A program could not be started, or did something else than the test needs.
public struct ProgramFailure: Error, CustomStringConvertible {
  let text: String
  public init(text: String) { self.text = text }
  public var description: String { text }
}

/// Runs a program to its end.
public func runProgram(
  _ path: String, _ arguments: [String] = [], input: String = "", environment: [String: String] = [:],
  folder: String? = nil, errors: RunningProgram.Output = .kept
) throws -> ProgramResult {
  let program = try RunningProgram(
    path, arguments, environment: environment, folder: folder, output: .kept, errors: errors)
  program.type(input)
  program.endInput()
  return try program.result()
}
