import Testing

@testable import CountersignRPC

/// Connections that have not finished their TLS handshake, as pure counts.
@Suite struct AdmissionTests {
  @Test func oneSourceTakesItsPartAndAllTakeNoMoreThanTheWhole() {
    let limits = HandshakeLimits(most: 5, mostOfSource: 2)
    var counts = Admission.Counts()
    let taken = ["a", "a", "a", "b", "b", "c", "d"].map { counts.take($0, limits) }
    #expect(taken == [true, true, false, true, true, true, false])
    counts.give("a")
    let more = ["d", "a"].map { counts.take($0, limits) }
    #expect(more == [true, false])
    for source in ["a", "b", "b", "c", "d"] { counts.give(source) }
    let anew = ["a", "a", "a"].map { counts.take($0, limits) }
    #expect(anew == [true, true, false])
  }

  @Test(arguments: [(64, 16, 8), (4, 2, 1), (1_024, 256, 128), (1_048_576, 2_048, 256)])
  func limitsFitTheDescriptors(_ descriptors: Int, _ most: Int, _ mostOfSource: Int) {
    #expect(HandshakeLimits(descriptors: descriptors) == HandshakeLimits(most: most, mostOfSource: mostOfSource))
  }

  @Test func memoryIsGivenBackOnceWhenMostOfACrowdHasGone() {
    var crowd = Admission.Crowd()
    for _ in 0..<1_000 { crowd.enter() }
    let told = (0..<1_000).filter { _ in crowd.leave() }
    #expect(told == [749])
    for _ in 0..<511 { crowd.enter() }
    let small = (0..<511).filter { _ in crowd.leave() }
    #expect(small.isEmpty)
  }
}
