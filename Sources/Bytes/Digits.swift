extension FixedWidthInteger {
  /// The number that ASCII digits alone make.
  ///
  /// - Returns: nil for any other text, also for "+5" and "-0", which Swift's own reading takes for numbers, and for a
  ///   number that is too large.
  public init?(digits text: some StringProtocol) {
    guard text.isDigits else { return nil }
    self.init(text)
  }
}

extension StringProtocol {
  /// Whether it has nothing but ASCII digits; also where it is empty.
  public var isDigits: Bool { utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
