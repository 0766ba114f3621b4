import CountersignRPC
import Cryptography
import Messages
import Testing

@testable import CountersignClient

/// Calls that carry a proof. Source: docs/security.md, "Sealed calls".
@Suite struct SealedCallTests {
  @Test func aWrongProofIsRefused() async throws {
    try await withSession { _, session in
      var request = await session.identityRequest()
      request.proof[0] ^= 1
      await expectRefusal("PROOF_INVALID") { [request] in _ = try await session.client.issueIdentity(request) }
    }
  }

  @Test func aProofForAnotherSequenceIsRefused() async throws {
    try await withSession { _, session in
      var request = await session.identityRequest()
      request.sequence += 1
      await expectRefusal("PROOF_INVALID") { [request] in _ = try await session.client.issueIdentity(request) }
    }
  }

  @Test func aProofForAnotherMethodIsRefused() async throws {
    try await withSession { _, session in
      let identity = await session.identityRequest()
      var request = LogoutRequest()
      (request.session, request.sequence, request.proof) = (identity.session, identity.sequence, identity.proof)
      await expectRefusal("PROOF_INVALID") { [request] in _ = try await session.client.logout(request) }
    }
  }

  @Test func aCallIsGoodOnce() async throws {
    try await withSession { _, session in
      let request = await session.identityRequest()
      _ = try await session.client.issueIdentity(request)
      await expectRefusal("REPLAYED") { _ = try await session.client.issueIdentity(request) }
    }
  }

  @Test func anUnknownSessionIsOver() async throws {
    try await withSession { _, session in
      var request = await session.identityRequest()
      request.session = randomBytes(16)
      await expectRefusal("SESSION_OVER") { [request] in _ = try await session.client.issueIdentity(request) }
    }
  }

  @Test(arguments: [0, 15, 17]) func aSessionOfAnotherLengthNamesItsField(_ length: Int) async throws {
    try await withSession { _, session in
      var request = await session.identityRequest()
      request.session = [UInt8](repeating: 1, count: length)
      await expectRefusal("INVALID_FIELD") { [request] in _ = try await session.client.issueIdentity(request) }
    }
  }

  @Test func askingForAnUnknownPaymentIsNotFound() async throws {
    try await withSession { _, session in
      let found = try await session.payment(key: session.makeKey())
      #expect(found == nil)
    }
  }
}
