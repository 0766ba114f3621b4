import CountersignRPC
import Cryptography
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// Certificates that nobody should have to read: status and reason for the caller, the cause in the journal, no session,
/// and the connection serves others. Source: docs/security.md, "Certificate paths".
@Suite struct BadCertificateTests {
  @Test(arguments: [0, 1, 4, 200]) func aCertificateCutAfterSoManyBytesIsRefused(_ count: Int) async throws {
    try await refused("CERTIFICATE_REFUSED", "is not exactly one certificate in DER") { request in
      request.companyChain[0] = Array(request.companyChain[0].prefix(count))
    }
  }

  @Test func bytesBehindACertificateAreRefused() async throws {
    try await refused("CERTIFICATE_REFUSED", "is not exactly one certificate in DER") { request in
      request.companyChain[0] += request.companyChain[0]
    }
  }

  @Test func deeplyNestedDERIsRefused() async throws {
    try await refused("CERTIFICATE_REFUSED", "is not exactly one certificate in DER") { request in
      request.companyChain[0] = (0..<5_000).flatMap { _ in [0x30, 0x80] as [UInt8] }
    }
  }

  @Test func aCertificateThatClaimsFourGibibytesIsRefused() async throws {
    try await refused("CERTIFICATE_REFUSED", "is not exactly one certificate in DER") { request in
      request.companyChain[0] = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff] + request.companyChain[0]
    }
  }

  @Test func aChainOf32KibibytesIsRefused() async throws {
    try await refused("CERTIFICATE_REFUSED", "at most 24 KiB") { request in
      request.companyChain[1] = [UInt8](repeating: 0x30, count: 32 << 10)
    }
  }

  @Test func aChainOf60CertificatesIsRefused() async throws {
    try await refused("CERTIFICATE_REFUSED", "must have 1 to 8 certificates") { request in
      request.companyChain += Array(repeating: request.companyChain[1], count: 57)
    }
  }

  /// More than the decoding rules take; it does not reach the login.
  @Test func aChainOf100CertificatesIsRefused() async throws {
    try await refused("MESSAGE_INVALID", nil) { request in
      request.companyChain += Array(repeating: request.companyChain[2], count: 97)
    }
  }

  @Test func aCertificateOfOneMebibyteIsNotSent() async throws {
    try await refused("REQUEST_TOO_LARGE", nil) { request in
      request.companyChain[0] = [UInt8](repeating: 0x30, count: 1 << 20)
    }
  }

  @Test func issuersThatVouchForEachOtherLeadNowhere() async throws {
    let loop = try Self.loop()
    try await refused("CERTIFICATE_REFUSED", "leads to a trusted anchor") { $0.companyChain = loop }
  }

  @Test func theServicesRootFromTheSenderIsNoAnchorOfAnotherChain() async throws {
    let loop = try Self.loop()
    try await refused("CERTIFICATE_REFUSED", "leads to a trusted anchor") { request in
      request.companyChain = loop + [request.consultantChain[2]]
    }
  }

  // MARK: - Helpers

  /// A company's leaf below two authorities, each issued by the other.
  private static func loop() throws -> [[UInt8]] {
    let now = Int64(Date().timeIntervalSince1970)
    let (first, second, leaf) = (
      PrivateKey.generate(.p256), PrivateKey.generate(.p256), PrivateKey.generate(.p256)
    )
    func authority(_ name: String, _ key: PrivateKey, by issuer: Certificate?, _ signer: PrivateKey) throws
      -> Certificate
    {
      try Certificate.make(
        CertificateContents(
          commonName: name, serial: [1], notBefore: now - 60, notAfter: now + 86_400,
          holder: .authority(pathLength: 5)),
        key: key.publicKey, issuer: issuer, signer: signer)
    }
    let (one, two) = (
      try authority("one", first, by: nil, first), try authority("two", second, by: nil, second)
    )
    let (oneByTwo, twoByOne) = (
      try authority("one", first, by: two, second), try authority("two", second, by: one, first)
    )
    let company = try Certificate.make(
      CertificateContents(
        commonName: "Acme", organisation: "Acme", serial: [2], notBefore: now - 60, notAfter: now + 86_400,
        holder: .leaf(.company)),
      key: leaf.publicKey, issuer: one, signer: first)
    return [company.der, oneByTwo.der, twoByOne.der]
  }

  /// - Parameter cause: in the journal; nil: the request does not get so far.
  private func refused(
    _ reason: String, _ cause: String?, _ change: (inout LoginRequest) -> Void
  ) async throws {
    try await TestService.withKim { service, kim in
      let channel = try kim.connect()
      defer { channel.closeSoon() }
      let client = CheckoutClient(channel)
      var request = try Login(terminal: kim, channel: channel)
        .prepare(try await client.beginLogin(BeginLoginRequest())).request
      change(&request)
      await expectRefusal(reason) { [request] in _ = try await client.login(request) }
      #expect(try service.sessions().count == 0)
      if let cause {
        let record = try #require(try service.journal().last { $0.hasPrefix("LOGIN_REFUSED|\(reason)") })
        #expect(record.contains(cause), "\(record)")
      }
      _ = try await kim.login(over: channel)
    }
  }
}
