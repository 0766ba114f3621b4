import Messages
import Synchronization

/// Tells of a wait once, and before that once where nothing has come for a while, so that a service that hangs does not
/// leave a person without a word.
final class Silence: Sendable {
  /// An answer comes sooner, from a service that is well.
  static let longest = Duration.seconds(5)

  private struct State {
    var cause: String
    var end: ContinuousClock.Instant
    /// When the wait that was told last ends.
    var told: ContinuousClock.Instant?
    /// Something was told, or nothing is waited for any more.
    var isOver = false
  }
  private let state: Mutex<State>
  private let onWait: @Sendable (PaymentWait) -> Void

  /// Begins to wait.
  ///
  /// - Parameters:
  ///   - profile: names what is waited for.
  ///   - end: when the wait ends by itself.
  init(_ profile: Profile, until end: ContinuousClock.Instant, onWait: @escaping @Sendable (PaymentWait) -> Void) {
    state = Mutex(State(cause: "\(profile.hopHost) port \(profile.hopPort) has not answered yet", end: end))
    self.onWait = onWait
    Task { [weak self] in
      try await Task.sleep(for: Self.longest)
      self?.tell()
    }
  }

  /// Tells why it is tried again, once for each end; what is on its way is not told any more.
  func tell(_ cause: String, until end: ContinuousClock.Instant) {
    let isNew = state.withLock { state in
      defer { (state.told, state.isOver) = (end, true) }
      return state.told != end
    }
    if isNew { onWait(PaymentWait(cause: cause, remaining: max(.zero, end - .now))) }
  }

  /// What is waited for from now on.
  func expect(_ cause: String, until end: ContinuousClock.Instant) {
    state.withLock { ($0.cause, $0.end) = (cause, end) }
  }

  func finish() { state.withLock { $0.isOver = true } }

  private func tell() {
    let wait = state.withLock { state -> PaymentWait? in
      guard !state.isOver else { return nil }
      state.isOver = true
      return PaymentWait(cause: state.cause, remaining: max(.zero, state.end - .now), isTryingAgain: false)
    }
    if let wait { onWait(wait) }
  }
}
