import Glibc
import Synchronization
import UnixSignals

/// Has SIGINT, SIGQUIT, SIGTERM and SIGHUP cancel what runs, from when it is made to the program's end, so that the
/// program can tell what it leaves behind. A signal that is ignored, as under nohup(1), stays so.
public final class Interruption: Sendable {
  /// Ends the program by the signal, so that a shell tells 128 and its number.
  public struct Ending: Error, Sendable {
    let signal: Int32

    /// Called when nothing is left to be done.
    func end() -> Never { Program.end(bySignal: signal) }
  }

  private struct State {
    var signal: Int32?
    var cancel: (@Sendable () -> Void)?
  }
  private let state = Mutex(State())

  /// Returns once the signals are taken.
  public init() async {
    let taken = [UnixSignal.sigint, .sigquit, .sigterm, .sighup].filter { !Self.isIgnored($0.rawValue) }
    let signals = await UnixSignalsSequence(trapping: taken)
    Task { [weak self] in
      for await signal in signals { self?.interrupt(signal.rawValue) }
    }
  }

  /// How the program ends by the signal that came; nil where none did.
  public var ending: Ending? { state.withLock { $0.signal.map(Ending.init) } }

  /// Runs `body` in a task that is cancelled by the signal, also by one that came before. One at a time.
  public func run<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
    let task = Task(operation: body)
    let isInterrupted = state.withLock { state in
      state.cancel = { task.cancel() }
      return state.signal != nil
    }
    if isInterrupted { task.cancel() }
    defer { state.withLock { $0.cancel = nil } }
    return try await task.value
  }

  private func interrupt(_ signal: Int32) {
    let cancel = state.withLock { state in
      state.signal = state.signal ?? signal
      return state.cancel
    }
    cancel?()
  }

  static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    return action.__sigaction_handler.sa_handler.map { unsafeBitCast($0, to: Int.self) }
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
