import Bundles
import Cryptography
import Testing

/// The relations between limits that `BundleLimits` names.
@Suite struct BundleLimitsTests {
  @Test func aDescriptionHasRoomForTheLongestChain() {
    #expect(BundleLimits.largestDescription >= CertificatePath.largestLoginChainBytes + 4_096)
  }

  @Test func aDescriptionIsFarSmallerThanAProgram() {
    #expect(UInt64(BundleLimits.largestDescription) < BundleLimits.largestProgram / 1_024)
  }
}
