/// Which sequences of a session were used: the highest one and the 1,023 below it.
///
/// Asked before the seals are opened, told only after they verified, so that a forger cannot use up a sequence.
/// Source: docs/security.md, "Sealed calls". Trivial; 136 bytes.
public struct ReplayWindow: Sendable, BitwiseCopyable {
  /// Highest sequence used.
  public private(set) var highest: UInt64
  /// Bit `sequence % 1024` is set where that sequence was used; it stands for the one within the window.
  private var bits: InlineArray<16, UInt64>

  /// Nothing used; sequences begin at 1.
  public init() { self.init(after: 0) }

  /// Everything up to `sequence` counts as used: nothing sealed earlier can be replayed.
  public init(after sequence: UInt64) {
    highest = sequence
    bits = .init(repeating: .max)
  }

  /// Whether `sequence` is neither used nor below the window.
  public func isFresh(_ sequence: UInt64) -> Bool {
    if sequence > highest { return true }
    return highest - sequence < UInt64(Limits.replayWindow) && bits[word(sequence)] & bit(sequence) == 0
  }

  /// Marks `sequence` as used.
  ///
  /// - Returns: false, and no change, where it is not fresh.
  public mutating func use(_ sequence: UInt64) -> Bool {
    guard isFresh(sequence) else { return false }
    if sequence > highest { raise(to: sequence) }
    bits[word(sequence)] |= bit(sequence)
    return true
  }

  /// Moves the window up and clears the bits of the sequences that enter it.
  private mutating func raise(to sequence: UInt64) {
    if sequence - highest >= UInt64(Limits.replayWindow) {
      bits = .init(repeating: 0)
    } else {
      for entering in highest + 1...sequence { bits[word(entering)] &= ~bit(entering) }
    }
    highest = sequence
  }

  private func word(_ sequence: UInt64) -> Int { Int(sequence / 64 % UInt64(Limits.replayWindow / 64)) }
  private func bit(_ sequence: UInt64) -> UInt64 { 1 << (sequence % 64) }
}
