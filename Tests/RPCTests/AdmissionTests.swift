import Listening
import Testing

@testable import CountersignRPC

/// Connections that have not finished their TLS handshake, as pure counts.
@Suite struct AdmissionTests {
  @Test func oneSourceTakesItsPartAndAllTakeNoMoreThanTheWhole() {
    var counts = SourceCounts()
    func take(_ sources: [String]) -> [Bool] { sources.map { counts.take($0, most: 5, mostOfSource: 2) } }
    #expect(take(["a", "a", "a", "b", "b", "c", "d"]) == [true, true, false, true, true, true, false])
    counts.give("a")
    #expect(take(["d", "a"]) == [true, false])
    for source in ["a", "b", "b", "c", "d"] { counts.give(source) }
    #expect(take(["a", "a", "a"]) == [true, true, false])
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
