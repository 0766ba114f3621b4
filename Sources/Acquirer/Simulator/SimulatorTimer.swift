import Dispatch

/// Runs things later; tests turn it by hand.
public protocol SimulatorTimer: Sendable {
  func run(after milliseconds: Int64, _ body: @escaping @Sendable () -> Void)
}

/// One queue for all that waits, with no thread of its own while nothing is due.
public struct QueueTimer: SimulatorTimer {
  private let queue = DispatchQueue(label: "simulator")

  public init() {}

  public func run(after milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
    queue.asyncAfter(deadline: .now() + .milliseconds(Int(milliseconds)), execute: body)
  }
}
