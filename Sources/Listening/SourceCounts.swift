/// Connections counted in all and for each source address, so that a few sources do not take every place.
public struct SourceCounts: Sendable {
  private var all = 0
  private var ofSource: [String: Int] = [:]

  public init() {}

  /// - Parameters:
  ///   - source: numeric address of the other end.
  ///   - most: connections of all sources together.
  ///   - mostOfSource: connections of one source.
  /// - Returns: whether there is room; it is taken then.
  public mutating func take(_ source: String, most: Int, mostOfSource: Int) -> Bool {
    guard all < most, ofSource[source, default: 0] < mostOfSource else { return false }
    all += 1
    ofSource[source, default: 0] += 1
    return true
  }

  /// Gives a place back that was taken.
  public mutating func give(_ source: String) {
    all -= 1
    let left = ofSource[source, default: 1] - 1
    ofSource[source] = left > 0 ? left : nil
  }
}
