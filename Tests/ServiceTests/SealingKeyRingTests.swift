import Testing

@testable import CheckoutService

/// Which sealing key is offered when the clock is set. Source: docs/security.md, "Who holds what".
@Suite struct SealingKeyRingTests {
  private static let hour: Int64 = 3_600_000

  @Test func theOfferedKeyIsReplacedAfterADay() throws {
    try withFolder { folder, now in
      let start = now * 1_000
      let ring = try SealingKeyRing(folder: folder, serviceName: "pay.example", now: start)
      let first = try ring.current(now: start).id
      try ring.rotate(now: start + 24 * Self.hour - 1)
      #expect(try ring.current(now: start + 24 * Self.hour - 1).id == first)
      try ring.rotate(now: start + 24 * Self.hour)
      #expect(try ring.current(now: start + 24 * Self.hour).id != first)
      #expect(ring.entry(id: first) != nil, "what was sealed to it cannot be opened")
    }
  }

  /// Hours before the clock went wrong; hours by which it did. The former key may be destroyed by then.
  @Test(arguments: [(0, 24), (1, 25), (20, 24), (0, 24 * 30)] as [(Int64, Int64)])
  func afterTheClockWasAheadTheOfferedKeyIsValid(_ age: Int64, _ ahead: Int64) throws {
    try withFolder { folder, now in
      let start = now * 1_000
      let right = start + age * Self.hour
      let ring = try SealingKeyRing(folder: folder, serviceName: "pay.example", now: start)
      try ring.rotate(now: right + ahead * Self.hour)
      let offered = try ring.current(now: right)
      #expect((offered.notBefore...offered.notAfter).contains(right))
      #expect(ring.entry(id: offered.id) != nil)
      #expect(try ring.current(now: right).id == offered.id)
    }
  }
}
