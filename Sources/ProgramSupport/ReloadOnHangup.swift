import ServiceLifecycle
import UnixSignals

/// Calls back on each SIGHUP, by which operators have a running program read its certificates again.
public struct ReloadOnHangup: Service {
  private let reload: @Sendable () async -> Void

  public init(_ reload: @escaping @Sendable () async -> Void) { self.reload = reload }

  public func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() { await reload() }
  }
}
