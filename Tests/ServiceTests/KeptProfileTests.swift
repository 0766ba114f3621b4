import Foundation
import Messages
import Testing

@testable import CountersignClient

/// A profile outlives the sealing certificate that signed it. Source: docs/security.md, "Who holds what".
@Suite struct KeptProfileTests {
  private static let day: Int64 = 86_400_000

  @Test(
    arguments: [(29, false, true), (31, false, false), (31, true, true), (89, true, true), (91, true, false)]
      as [(Int64, Bool, Bool)])
  func aKeptProfileIsGoodUntilItsOwnEnd(_ days: Int64, _ isKept: Bool, _ isGood: Bool) async throws {
    try await TestService.withKim { _, kim in
      let signed = try kim.folder.signedProfile()
      let pinned = try kim.folder.trustedProfile().rootFingerprint
      let later = Int64(Date().timeIntervalSince1970) * 1_000 + days * Self.day
      let isTaken = (try? TrustedProfile(signed, pinned: pinned, wall: later, isKept: isKept)) != nil
      #expect(isTaken == isGood)
    }
  }
}
