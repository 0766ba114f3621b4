import Cryptography
import Foundation
import Testing

/// An issuing authority with an OCSP delegate and a leaf, all of one key kind.
struct OCSPAuthority {
  /// OpenSSL signs with the time of the machine.
  static let now = Int64(Date().timeIntervalSince1970)
  let issuer: Certificate
  let issuerKey = PrivateKey.generate(.p256)
  let leaf: Certificate
  let delegate: OCSPSigner

  init(name: String = "Issuing") throws {
    issuer = try Certificate.make(
      CertificateContents(
        commonName: name, serial: [0x10], notBefore: Self.now - 86_400, notAfter: Self.now + 86_400 * 1_000,
        holder: .authority(pathLength: 0)),
      key: issuerKey.publicKey, issuer: nil, signer: issuerKey)
    leaf = try Self.leaf(.consultant, serial: 0x20, issuer, issuerKey).certificate
    delegate = try Self.leaf(.ocsp, serial: 0x30, issuer, issuerKey)
  }

  /// A leaf of this authority with its key.
  func leaf(_ role: Role, serial: UInt8, days: Int64 = 30) throws -> OCSPSigner {
    try Self.leaf(role, serial: serial, issuer, issuerKey, days: days)
  }

  private static func leaf(
    _ role: Role, serial: UInt8, _ issuer: Certificate, _ issuerKey: PrivateKey, days: Int64 = 30
  ) throws -> OCSPSigner {
    let key = PrivateKey.generate(.p256)
    let certificate = try Certificate.make(
      CertificateContents(
        commonName: "\(role)", organisation: "Acme", serial: [serial], notBefore: now - 86_400 * 2,
        notAfter: now + 86_400 * days, holder: .leaf(role)),
      key: key.publicKey, issuer: issuer, signer: issuerKey)
    return OCSPSigner(certificate: certificate, key: key)
  }

  func question(nonce: [UInt8]? = randomBytes(32)) -> OCSPQuestion {
    OCSPQuestion(certificate: leaf, issuer: issuer, nonce: nonce)
  }

  /// What the delegate, or another, answers.
  func answer(
    _ question: OCSPQuestion, _ status: OCSPStatus = .good, by signer: OCSPSigner? = nil, thisUpdate: Int64 = now - 10,
    nextUpdate: Int64? = now + 60, digest: OCSPDigest = .sha1
  ) throws -> [UInt8] {
    let request = try OCSPRequest(der: question.der(digest))
    return try (signer ?? delegate).answer(request, [status], thisUpdate: thisUpdate, nextUpdate: nextUpdate)
  }
}

/// Records an issue where the answer is not refused by this rule.
func expectRefusal(
  _ rule: String, _ question: OCSPQuestion, _ answer: [UInt8], meaning: OCSPRefusal.Meaning = .unusable,
  policy: OCSPPolicy = OCSPPolicy(), at time: Int64 = OCSPAuthority.now,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  do throws(OCSPRefusal) {
    try question.verify(answer, policy: policy, at: time)
    Issue.record("was accepted", sourceLocation: sourceLocation)
  } catch {
    #expect(error.rule == rule, "\(error)", sourceLocation: sourceLocation)
    #expect(error.meaning == meaning, "\(error)", sourceLocation: sourceLocation)
  }
}
