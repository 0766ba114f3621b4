import Bytes
import Cryptography
import Messages
import Seals
import Testing

@testable import CountersignClient

/// Renewals that must not be, each with one thing wrong. The certificate is fresh: a right request would be told
/// `RENEWAL_TOO_EARLY`, which comes last.
@Suite struct RenewalRefusalTests {
  @Test func aRightRequestFailsOnlyForItsTime() async throws {
    try await refused("RENEWAL_TOO_EARLY")
  }

  @Test func aSignatureOfAnotherKeyIsRefused() async throws {
    try await refused("SIGNATURE_INVALID", signer: .generate(.p256))
  }

  @Test func aCertificateThatIsNotRegisteredIsRefused() async throws {
    try await refused("NOT_REGISTERED") { $0.certificateDigest = randomBytes(32) }
  }

  @Test func anotherMACAddressIsRefused() async throws {
    try await refused("DEVICE_CHANGED") { $0.macAddress = [2, 0, 0, 0, 0, 9] }
  }

  @Test(arguments: PeerTextTests.bad) func aProgramThatNamesItselfWronglyIsRefused(_ program: String) async throws {
    try await refused("INVALID_FIELD") { $0.programVersion = program }
  }

  @Test func aRequestThatIsNotSignedByItsKeyIsRefused() async throws {
    try await refused("ENROLMENT_REJECTED") { $0.certificateRequest[$0.certificateRequest.count - 1] ^= 1 }
  }

  @Test func theCompanysCertificateIsNoConsultants() async throws {
    try await TestService.withKim { service, kim in
      let company = try #require(kim.company)
      try await expect("NOT_REGISTERED", kim, signer: company.key) {
        $0.certificateDigest = company.chain[0].fingerprint.bytes
      }
    }
  }

  @Test func aSealToTheWrongServiceIsRefused() async throws {
    try await TestService.withKim { _, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      let client = EnrolmentClient(channel)
      var request = try request(kim, try await client.getSealingKey(GetSealingKeyRequest()), signer: nil) { _ in }
      request.box[0] ^= 1
      await expectRefusal("ENROLMENT_REJECTED") { [request] in _ = try await client.renew(request) }
    }
  }

  private func refused(
    _ reason: String, signer: PrivateKey? = nil, _ change: (inout Renewal) -> Void = { _ in }
  ) async throws {
    try await TestService.withKim { _, kim in try await expect(reason, kim, signer: signer, change) }
  }

  private func expect(
    _ reason: String, _ terminal: Terminal, signer: PrivateKey? = nil, _ change: (inout Renewal) -> Void
  ) async throws {
    let channel = try terminal.connect()
    defer { channel.closeSoon() }
    let client = EnrolmentClient(channel)
    let offered = try await client.getSealingKey(GetSealingKeyRequest())
    let request = try request(terminal, offered, signer: signer, change)
    await expectRefusal(reason) { _ = try await client.renew(request) }
  }

  private func request(
    _ terminal: Terminal, _ offered: GetSealingKeyReply, signer: PrivateKey?, _ change: (inout Renewal) -> Void
  ) throws -> RenewRequest {
    var renewal = Renewal()
    renewal.certificateDigest = terminal.consultantChain[0].fingerprint.bytes
    renewal.certificateRequest = try CertificateRequest.make(
      key: .generate(.p256), commonName: "terminal", organisation: nil)
    renewal.macAddress = try terminal.interface.macAddress()
    renewal.programVersion = "test/1"
    change(&renewal)
    var signed = SignedRenewal()
    signed.renewal = renewal.encoded()
    signed.signature = try (signer ?? terminal.consultantKey).sign(SigningInput.renewal(signed.renewal))
    let sealed = try SealedOnce(
      signed.encoded(), associatedData: RenewalSeal.associatedData, to: offered,
      pinned: terminal.trusted.rootFingerprint, root: terminal.trusted.root)
    var request = RenewRequest()
    (request.sealingKeyId, request.enc, request.box) = (sealed.keyID, sealed.enc, sealed.box)
    return request
  }
}
