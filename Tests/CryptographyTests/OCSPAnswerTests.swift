import Cryptography
import Testing

/// Each rule for OCSP answers with one thing wrong. Source: docs/security.md, "Status of certificates".
@Suite struct OCSPAnswerTests {
  let authority: OCSPAuthority
  let now = OCSPAuthority.now

  init() throws { authority = try OCSPAuthority() }

  @Test(arguments: OCSPDigest.allCases) func aGoodAnswerIsGoodUntilItsNextUpdate(_ digest: OCSPDigest) throws {
    let question = authority.question()
    let answer = try authority.answer(question, digest: digest)
    #expect(try question.verify(answer, policy: OCSPPolicy(digest: digest), at: now) == now + 60)
    #expect(try question.verify(answer, policy: OCSPPolicy(), at: now + 60) == now + 60)
  }

  @Test func aRevokedCertificateIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question, .revoked(time: now - 100, reason: 1))
    expectRefusal("ocsp status", question, answer, meaning: .revoked)
  }

  @Test func anUnknownCertificateIsRefused() throws {
    let question = authority.question()
    expectRefusal("ocsp status", question, try authority.answer(question, .unknown), meaning: .unknown)
  }

  @Test func anAnswerAboutAnotherCertificateSaysNothing() throws {
    let question = authority.question()
    let other = OCSPQuestion(
      certificate: try authority.leaf(.consultant, serial: 0x21).certificate, issuer: authority.issuer,
      nonce: question.nonce)
    expectRefusal("ocsp certificate", question, try authority.answer(other))
  }

  @Test func anAnswerAboutTheSameSerialOfAnotherIssuerSaysNothing() throws {
    let other = try OCSPAuthority(name: "Other")
    let question = authority.question()
    let asked = OCSPQuestion(certificate: other.leaf, issuer: other.issuer, nonce: question.nonce)
    expectRefusal("ocsp certificate", question, try authority.answer(asked))
  }

  @Test func anAnswerThatSpeaksTwiceOfTheCertificateIsRefused() throws {
    // Once by SHA-1 and once by SHA-256, good and revoked.
    let question = authority.question()
    let openssl = try OpenSSLAnswers(authority)
    expectRefusal("ocsp certificate", question, try openssl.answerToTwoDigests())
  }

  // MARK: - Signer

  @Test func theIssuerMayAnswerItself() throws {
    let question = authority.question()
    let issuer = OCSPSigner(certificate: authority.issuer, key: authority.issuerKey)
    try question.verify(try authority.answer(question, by: issuer), policy: OCSPPolicy(), at: now)
  }

  @Test func anAnswerOfAStrangersDelegateIsRefused() throws {
    let question = authority.question()
    let stranger = try OCSPAuthority()
    expectRefusal("ocsp signer", question, try authority.answer(question, by: stranger.delegate))
  }

  @Test func aConfiguredResponderIsTrusted() throws {
    let question = authority.question()
    let stranger = try OCSPAuthority(name: "Configured").delegate
    let answer = try authority.answer(question, by: stranger)
    try question.verify(answer, policy: OCSPPolicy(responders: [stranger.certificate]), at: now)
  }

  @Test func aLeafWithoutTheUsageCannotAnswer() throws {
    let question = authority.question()
    let consultant = try authority.leaf(.consultant, serial: 0x22)
    expectRefusal("ocsp signer", question, try authority.answer(question, by: consultant))
  }

  @Test func aDelegateThatIsOverCannotAnswer() throws {
    let question = authority.question()
    let old = try authority.leaf(.ocsp, serial: 0x31, days: -1)
    expectRefusal("ocsp signer", question, try authority.answer(question, by: old))
  }

  @Test func anAnswerWithoutTheDelegatesCertificateIsRefused() throws {
    let question = authority.question()
    var silent = authority.delegate
    silent.showsCertificate = false
    expectRefusal("ocsp signer", question, try authority.answer(question, by: silent))
  }

  @Test func aSignatureOfAnotherKeyIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question)
    // The delegate's certificate and name, but the answer of another key behind them.
    var altered = answer
    let place = try #require(answer.firstRange(of: authority.delegate.certificate.der)).lowerBound - 12
    altered[place] ^= 1
    #expect(throws: OCSPRefusal.self) { try question.verify(altered, policy: OCSPPolicy(), at: now) }
  }

  // MARK: - Times

  @Test func aStaleAnswerIsRefused() throws {
    let question = authority.question()
    expectRefusal("ocsp times", question, try authority.answer(question, nextUpdate: now - 1))
  }

  @Test func anAnswerOfTheFutureIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question, thisUpdate: now + 301, nextUpdate: now + 400)
    expectRefusal("ocsp times", question, answer)
    try question.verify(answer, policy: OCSPPolicy(), at: now + 1)
  }

  @Test func anAnswerThatEndsBeforeItBeginsIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question, thisUpdate: now + 60, nextUpdate: now + 30)
    expectRefusal("ocsp times", question, answer)
  }

  @Test func anAnswerWithoutNextUpdateIsGoodWhileItIsYoung() throws {
    let question = authority.question()
    let answer = try authority.answer(question, thisUpdate: now - 300, nextUpdate: nil)
    #expect(try question.verify(answer, policy: OCSPPolicy(), at: now) == nil)
    expectRefusal("ocsp times", question, answer, at: now + 1)
  }

  // MARK: - Nonce

  @Test func anotherNonceIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(authority.question())
    expectRefusal("ocsp nonce", question, answer)
    expectRefusal("ocsp nonce", question, answer, policy: OCSPPolicy(nonce: .ifSupported))
  }

  @Test func aMissingNonceIsRefusedWhereItIsRequired() throws {
    let question = authority.question()
    let answer = try authority.answer(authority.question(nonce: nil))
    expectRefusal("ocsp nonce", question, answer)
    try question.verify(answer, policy: OCSPPolicy(nonce: .ifSupported), at: now)
  }

  // MARK: - Bytes

  @Test(arguments: [OCSPFailure.malformedRequest, .internalError, .tryLater])
  func anAnswerThatIsAFailureIsRefused(_ failure: OCSPFailure) {
    expectRefusal("ocsp response", authority.question(), failure.der)
  }

  @Test func anAnswerCutAtAnyByteIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question)
    for count in answer.indices {
      #expect(throws: OCSPRefusal.self) {
        try question.verify(Array(answer[..<count]), policy: OCSPPolicy(), at: now)
      }
    }
  }

  @Test func anAnswerAlteredAtAnyByteIsRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question)
    for place in answer.indices {
      var altered = answer
      altered[place] ^= 0x01
      #expect(throws: OCSPRefusal.self, "byte \(place)") {
        try question.verify(altered, policy: OCSPPolicy(), at: now)
      }
    }
  }

  @Test func bytesBehindAnAnswerAreRefused() throws {
    let question = authority.question()
    expectRefusal("ocsp response", question, try authority.answer(question) + [0])
  }

  @Test func bytesBehindTheBasicAnswerInsideAreRefused() throws {
    let question = authority.question()
    let answer = try authority.answer(question)
    // SEQUENCE (4) ENUMERATED (3) [0] (4) SEQUENCE (4) OID (11) OCTET STRING (4): each length is two bytes long.
    var altered = answer + [0, 0]
    for place in [2, 9, 13, 28] {
      let length = Int(altered[place]) << 8 + Int(altered[place + 1]) + 2
      (altered[place], altered[place + 1]) = (UInt8(length >> 8), UInt8(length & 0xff))
    }
    expectRefusal("ocsp response", question, altered)
  }

  @Test func tenMebibytesAreRefused() {
    expectRefusal("ocsp response", authority.question(), [UInt8](repeating: 0x30, count: 10 << 20))
  }

  @Test func deeplyNestedDERIsRefused() {
    var nested: [UInt8] = []
    for _ in 0..<10_000 where nested.count < 60_000 { nested = [0x30, 0x80] + nested }
    expectRefusal("ocsp response", authority.question(), nested)
  }
}
