import Synchronization

/// The rules that hold now, for threads that must not wait: where there are none, asking costs one atomic load.
public final class CurrentRules: Sendable {
  private let isSet = Atomic<Bool>(false)
  private let rules = Mutex<CompanyRules?>(nil)

  public init() {}

  /// Nil: everything is allowed.
  public var current: CompanyRules? {
    isSet.load(ordering: .acquiring) ? rules.withLock { $0 } : nil
  }

  public func use(_ new: CompanyRules?) {
    rules.withLock { rules in
      rules = new
      isSet.store(new != nil, ordering: .releasing)
    }
  }
}
