import Payments
import Testing

@Suite struct ReplayWindowTests {
  @Test func sequencesBeginAtOneAndAreUsedOnce() {
    var window = ReplayWindow()
    #expect(used(&window, 0, 1, 1) == [false, true, false])
  }

  @Test func thoseStillInTheWindowMayComeLate() {
    var window = ReplayWindow()
    #expect(used(&window, 1_025, 2, 1) == [true, true, false])
  }

  @Test func whatCameBeforeARestartIsUsed() {
    var window = ReplayWindow(after: 500)
    #expect(used(&window, 500, 1, 501) == [false, false, true])
  }

  @Test func theLastSequenceOfAllCanBeUsedOnce() {
    var window = ReplayWindow()
    #expect(used(&window, .max, .max, .max - 1_023, .max - 1_024) == [true, false, true, false])
  }

  private func used(_ window: inout ReplayWindow, _ sequences: UInt64...) -> [Bool] {
    sequences.map { window.use($0) }
  }

  /// Against a set of all that was used.
  @Test(arguments: 0..<50) func itAnswersLikeASetOfEverything(seed: UInt64) {
    var dice = Dice(seed: seed)
    let start = [0, 1, 500, 1 << 40, UInt64.max - 40_000][Int(seed % 5)]
    var window = ReplayWindow(after: start)
    var (used, highest) = (Set<UInt64>(), start)
    var wrong: [UInt64] = []
    for _ in 0..<5_000 {
      let sequence = Self.sequence(near: highest, &dice)
      let isFresh = sequence > highest || sequence > start && highest - sequence < 1_024 && !used.contains(sequence)
      if window.isFresh(sequence) != isFresh || window.use(sequence) != isFresh { wrong.append(sequence) }
      if isFresh {
        used.insert(sequence)
        highest = max(highest, sequence)
      }
      if window.highest != highest { wrong.append(sequence) }
    }
    #expect(wrong.prefix(3).isEmpty)
  }

  /// Mostly just above or in the window; at times at its edge, below it, or far above.
  private static func sequence(near highest: UInt64, _ dice: inout Dice) -> UInt64 {
    let above = min(UInt64.random(in: 0...3, using: &dice), .max - highest)
    switch Int.random(in: 0..<20, using: &dice) {
    case 0..<10: return highest + above
    case 10..<16: return highest - min(highest, .random(in: 0..<1_100, using: &dice))
    case 16: return highest - min(highest, .random(in: 1_022...1_025, using: &dice))
    case 17: return highest + min(.random(in: 1_022...1_026, using: &dice), .max - highest)
    case 18: return highest + min(.random(in: 60...70, using: &dice), .max - highest)
    default: return .random(in: 0...max(1, highest), using: &dice)
    }
  }
}
