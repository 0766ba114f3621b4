import Authority
import Bytes
import Cryptography
import TestOpenSSL
import Testing

@Suite struct IssuerTests {
  static let now: Int64 = 1_782_907_200
  static let day: Int64 = 86_400
  static let leaves: [Role] = Role.allCases
  let now = IssuerTests.now
  let root: Issuer
  let issuing: Issuer

  init() throws {
    root = try Issuer.makeRoot(serviceName: "pay.example", now: now)
    issuing = try root.makeIssuing(now: now)
  }

  private func issue(
    _ role: Role, _ commonName: String = "Kim", organisation: String? = "Example", dnsNames: [String]? = nil,
    from issuer: Issuer? = nil, at time: Int64 = IssuerTests.now
  ) throws -> Certificate {
    let key = PrivateKey.generate(.p256)
    let request = try CertificateRequest(
      der: try CertificateRequest.make(key: key, commonName: "terminal", organisation: nil))
    let isTLS = role == .server || role == .gateway
    return try (issuer ?? issuing).issue(
      request, role: role, commonName: commonName, organisation: organisation,
      dnsNames: dnsNames ?? (isTLS ? ["pay.example"] : []), now: time)
  }

  @Test("openssl verifies every role's chain", arguments: leaves)
  func witnessed(role: Role) throws {
    let leaf = try issue(role)
    let openssl = try OpenSSLCommand()
    try openssl.write(leaf.pem, to: "leaf")
    try openssl.write(issuing.certificate.pem, to: "issuing")
    try openssl.write(root.certificate.pem, to: "root")
    let answer = try openssl.run(
      "verify", "-x509_strict", "-auth_level", "2", "-attime", "\(now)", "-CAfile", "root", "-untrusted", "issuing",
      "leaf")
    #expect(answer.isGood, "\(answer.text)")
  }

  @Test("each role has its own usage and no other, its lifetime, and the names of the register", arguments: leaves)
  func profile(role: Role) throws {
    let leaf = try issue(role)
    #expect(leaf.roles == [role])
    #expect(leaf.commonName == "Kim")
    #expect(leaf.organisation == "Example")
    #expect(leaf.notBefore == now - 300)
    let days: Int64 =
      switch role {
      case .consultant, .server, .gateway: 90
      case .company, .administrator, .bundle: 365
      case .sealing, .ocsp: 30
      }
    #expect(leaf.notAfter == now + days * Self.day)
  }

  @Test("root and issuing authority live 10 and 5 years and form the chain")
  func authorities() {
    #expect(root.certificate.notAfter == now + 3_650 * Self.day)
    #expect(issuing.certificate.notAfter == now + 1_825 * Self.day)
    #expect(issuing.chain == [issuing.certificate, root.certificate])
    #expect(root.certificate.commonName == "pay.example")
    #expect(issuing.certificate.publicKey.kind == .p256)
  }

  @Test("openssl shows extensions as RFC 5280 wants them")
  func extensions() throws {
    let openssl = try OpenSSLCommand()
    func text(_ certificate: Certificate) throws -> String {
      try openssl.write(certificate.pem, to: "c")
      return try openssl.run("x509", "-in", "c", "-noout", "-text").text
    }
    let rootText = try text(root.certificate)
    #expect(rootText.contains("Basic Constraints: critical\n                CA:TRUE, pathlen:1"))
    #expect(rootText.contains("Key Usage: critical\n                Certificate Sign, CRL Sign"))
    #expect(!rootText.contains("Extended Key Usage"))
    let ocspText = try text(try issue(.ocsp))
    #expect(ocspText.contains("\(Role.ocsp.identifier), OCSP Signing") && ocspText.contains("OCSP No Check"))
    let issuingText = try text(issuing.certificate)
    #expect(issuingText.contains("CA:TRUE, pathlen:0"))
    let leafText = try text(try issue(.consultant))
    #expect(leafText.contains("Basic Constraints: critical\n                CA:FALSE"))
    #expect(leafText.contains("Extended Key Usage: \n                \(Role.consultant.identifier)\n"))
    for text in [issuingText, leafText] {
      #expect(text.contains("Subject Key Identifier") && text.contains("Authority Key Identifier"))
    }
  }

  @Test("serial numbers are 16 positive bytes and never the same")
  func serials() throws {
    let serials = try (0..<20).map { _ in try issue(.consultant).serial }
    #expect(serials.allSatisfy { $0.count == 16 && $0[0] < 0x80 })
    #expect(Set(serials).count == serials.count)
  }

  @Test("a leaf never outlives its authority")
  func ends() throws {
    let late = issuing.certificate.notAfter - 10 * Self.day
    #expect(try issue(.consultant, at: late).notAfter == issuing.certificate.notAfter)
  }

  @Test("nothing is issued before or after the authority's own time", arguments: [-1, 1])
  func outsideValidity(side: Int64) {
    let time = side < 0 ? issuing.certificate.notBefore - 1 : issuing.certificate.notAfter
    #expect(throws: IssuingError.self) { try issue(.consultant, at: time) }
  }

  @Test("names that do not fit are refused", arguments: ["", String(repeating: "x", count: 65), "a\u{7}b", "a\u{9b}b"])
  func names(name: String) {
    #expect(throws: IssuingError.self) { try issue(.company, name) }
    #expect(throws: IssuingError.self) { try issue(.company, organisation: name) }
  }

  @Test("host names that are none are refused", arguments: ["*.example", "a_b", "a,DNS:b", "", "a..b"])
  func hostNames(name: String) {
    #expect(throws: IssuingError.self) { try issue(.server, dnsNames: [name]) }
  }

  @Test("only servers and gateways have host names, and they must")
  func hostNamesByRole() {
    #expect(throws: IssuingError.self) { try issue(.server, dnsNames: []) }
    #expect(throws: IssuingError.self) { try issue(.gateway, dnsNames: []) }
    #expect(throws: IssuingError.self) { try issue(.consultant, dnsNames: ["pay.example"]) }
  }

  @Test("the authority's own key gets no certificate")
  func ownKey() throws {
    let request = try CertificateRequest(
      der: try CertificateRequest.make(key: issuing.key, commonName: "x", organisation: nil))
    #expect(throws: IssuingError.self) {
      try issuing.issue(request, role: .company, commonName: "x", organisation: nil, now: now)
    }
  }

  @Test("an authority with another's key issues nothing")
  func wrongKey() {
    let broken = Issuer(certificate: issuing.certificate, key: PrivateKey.generate(.p256), chain: issuing.chain)
    #expect(throws: IssuingError.self) { try issue(.consultant, from: broken) }
  }

  @Test("an authority below the issuing one is refused by the path's length")
  func belowIssuing() throws {
    let below = try issuing.makeIssuing(now: now)
    #expect(throws: IssuingError.self) { try issue(.consultant, from: below) }
  }

  @Test("requests with every allowed kind of key are served", arguments: [KeyKind.p384, .ed25519, .rsa(bits: 2_048)])
  func kinds(kind: KeyKind) throws {
    let key = PrivateKey.generate(kind)
    let request = try CertificateRequest(
      der: try CertificateRequest.make(key: key, commonName: "gateway", organisation: nil))
    let leaf = try issuing.issue(request, role: .company, commonName: "Example", organisation: "Example", now: now)
    #expect(leaf.publicKey == key.publicKey)
  }
}
