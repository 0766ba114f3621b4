import ServiceLifecycle
import UnixSignals

/// Calls back on each SIGHUP, by which operators have a running program read its certificates again.
public struct ReloadOnHangup: Service {
  private let announcement: [String]
  private let reload: @Sendable () async -> Void

  /// - Parameter announcement: lines that are printed once signals are taken: who reads them may send one at once. Those
  ///   that end the program are taken before, by the service group.
  public init(announcing announcement: [String], _ reload: @escaping @Sendable () async -> Void) {
    self.announcement = announcement
    self.reload = reload
  }

  public func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    Console.report(announcement)
    for await _ in signals.cancelOnGracefulShutdown() { await reload() }
  }
}
