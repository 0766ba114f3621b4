/// Something in a ledger that is not as it must be, of which there may be many.
public protocol LedgerProblem: Sendable, CustomStringConvertible {
  /// What each of them is about, in the plural.
  static var things: String { get }
}

extension LedgerProblem {
  /// For people, one line each of the first 20, and how many are left out.
  public static func lines(_ problems: [Self]) -> [String] {
    let shown = 20
    return problems.prefix(shown).map(\.description)
      + (problems.count > shown ? ["and \(problems.count - shown) \(things) more"] : [])
  }
}
