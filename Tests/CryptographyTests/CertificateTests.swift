import Bytes
import Cryptography
import Foundation
import TestOpenSSL
import Testing

@Suite struct CertificateTests {
  let key = PrivateKey.generate(.p256)
  let certificate: Certificate

  init() throws {
    certificate = try Certificate.make(
      CertificateContents(
        commonName: "김 상담", organisation: "Example, Co.", serial: [0x40, 0x00, 0x01], notBefore: 1_767_225_600,
        notAfter: 4_102_444_800, holder: .leaf(.gateway), dnsNames: ["gate.example", "*.gate.example"]),
      key: key.publicKey, issuer: nil, signer: key)
  }

  @Test("fields read back as they were written")
  func fields() {
    #expect(certificate.commonName == "김 상담")
    #expect(certificate.organisation == "Example, Co.")
    #expect(certificate.subjectText == #"CN=김 상담,O=Example\, Co."#)
    #expect(certificate.issuerText == certificate.subjectText)
    #expect(certificate.issuerDER == certificate.subjectDER)
    #expect(certificate.serial == [0x40, 0x00, 0x01])
    #expect(certificate.notBefore == 1_767_225_600)
    #expect(certificate.notAfter == 4_102_444_800)
    #expect(certificate.dnsNames == ["gate.example", "*.gate.example"])
    #expect(certificate.roles == [.gateway])
    #expect(certificate.publicKey == key.publicKey)
    #expect(certificate.fingerprint == SHA256.digest(certificate.der))
  }

  @Test("openssl reads the same fields")
  func witness() throws {
    let openssl = try OpenSSLCommand()
    try openssl.write(certificate.pem, to: "c.pem")
    let text = try openssl.run("x509", "-in", "c.pem", "-noout", "-text", "-fingerprint", "-sha256", "-nameopt", "utf8")
      .text
    #expect(text.contains("Not After : Jan  1 00:00:00 2100 GMT"))
    #expect(text.contains("DNS:gate.example, DNS:*.gate.example"))
    #expect(text.contains("X509v3 Basic Constraints: critical"))
    #expect(text.contains("X509v3 Key Usage: critical\n                Digital Signature\n"))
    #expect(
      text.contains("\(Role.gateway.identifier), TLS Web Server Authentication, TLS Web Client Authentication"))
    let fingerprint = Hex.encode(certificate.fingerprint.bytes).uppercased()
    #expect(text.replacing(":", with: "").contains("Fingerprint=\(fingerprint)"))
  }

  @Test("a certificate cut off at any byte is refused")
  func truncated() {
    for count in certificate.der.indices {
      #expect(throws: CryptographyError.self) { try Certificate(der: Array(certificate.der[..<count])) }
    }
  }

  @Test("bytes behind a certificate are refused")
  func trailing() {
    #expect(throws: CryptographyError.self) { try Certificate(der: certificate.der + [0]) }
    #expect(throws: CryptographyError.self) { try Certificate(der: certificate.der + certificate.der) }
  }

  @Test("no single changed byte makes a certificate whose signature fits")
  func altered() {
    for place in certificate.der.indices {
      var der = certificate.der
      der[place] ^= 0x20
      guard let changed = try? Certificate(der: der) else { continue }
      #expect(throws: CertificateRefusal.self) {
        try CertificatePath.verify(
          chain: [changed], anchors: [certificate], role: .gateway, at: 1_800_000_000, dnsName: nil)
      }
    }
  }

  @Test("a PEM file gives all its certificates in order, with text between them")
  func pem() throws {
    let other = try Certificate.make(
      CertificateContents(
        commonName: "other", serial: [1], notBefore: 0, notAfter: 1, holder: .authority(pathLength: 0)),
      key: key.publicKey, issuer: nil, signer: key)
    let file = Array("before\n".utf8) + certificate.pem + Array("between\n".utf8) + other.pem
    #expect(try Certificate.fromPEM(file) == [certificate, other])
    #expect(try Certificate.fromPEM([]) == [])
    #expect(try Certificate.fromPEM(Array("nothing".utf8)) == [])
  }

  @Test("a PEM file with a damaged certificate is refused whole")
  func damagedPEM() {
    var file = certificate.pem + certificate.pem
    file[certificate.pem.count + 40] = UInt8(ascii: "!")
    #expect(throws: CryptographyError.self) { try Certificate.fromPEM(file) }
    #expect(throws: CryptographyError.self) { try Certificate.fromPEM(certificate.pem.dropLast(30)) }
  }

  @Test("what is refused in DER is refused in PEM, and counted")
  func inexactPEM() {
    // The outer length in one byte more than it needs is BER, not DER.
    let long = [0x30, 0x83, 0x00] + certificate.der[2...]
    for der in [certificate.der + [0], certificate.der + certificate.der, Array(long)] {
      #expect(throws: CryptographyError.self) { try Certificate(der: der) }
      let error = #expect(throws: CryptographyError.self) {
        try Certificate.fromPEM(certificate.pem + Self.pem(der))
      }
      #expect(error?.description.hasPrefix("certificate 2 of the file: ") == true, "\(error as Any)")
    }
  }

  @Test("names are shown without what hides or turns the text behind it")
  func shownNames() throws {
    let odd = try Certificate.make(
      CertificateContents(
        commonName: "Kim\u{202E}nimda", organisation: "Ac\u{0}me", serial: [1], notBefore: 0, notAfter: 1,
        holder: .authority(pathLength: 0)),
      key: key.publicKey, issuer: nil, signer: key)
    #expect(odd.organisation == "Ac\u{0}me" && odd.organisationText == #"Ac\00me"#)
    #expect(odd.subjectText == #"CN=Kim\E2\80\AEnimda,O=Ac\00me"#)
    #expect(certificate.organisationText == "Example, Co." && certificate.subjectText.hasPrefix("CN=김 상담"))
  }

  /// PEM (RFC 7468) around any bytes.
  private static func pem(_ der: [UInt8]) -> [UInt8] {
    let text = Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    return Array("-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n".utf8)
  }

  @Test("a host name that would begin another extension is refused", arguments: ["a,DNS:b", "a b", "@section", ""])
  func injection(name: String) {
    #expect(throws: CryptographyError.self) {
      try Certificate.make(
        CertificateContents(
          commonName: "x", serial: [1], notBefore: 0, notAfter: 1, holder: .leaf(.server), dnsNames: [name]),
        key: key.publicKey, issuer: nil, signer: key)
    }
  }

  @Test("names that do not fit are refused", arguments: ["", String(repeating: "x", count: 65)])
  func names(name: String) {
    #expect(throws: CryptographyError.self) {
      try CertificateRequest.make(key: key, commonName: name, organisation: nil)
    }
  }
}

@Suite struct CertificateRequestTests {
  @Test("openssl accepts our request", arguments: [KeyKind.p256, .p384, .ed25519, .rsa(bits: 2_048)])
  func witnessed(kind: KeyKind) throws {
    let der = try CertificateRequest.make(key: PrivateKey.generate(kind), commonName: "단말", organisation: "Example")
    let openssl = try OpenSSLCommand()
    try openssl.write(der, to: "r.der")
    #expect(try openssl.run("req", "-inform", "DER", "-in", "r.der", "-noout", "-verify").isGood)
    #expect(try CertificateRequest(der: der).commonName == "단말")
  }

  @Test("a request of openssl is read")
  func read() throws {
    let openssl = try OpenSSLCommand()
    try openssl.run(
      "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-outform", "DER", "-out", "r", "-subj", "/CN=kim"
    )
    #expect(try CertificateRequest(der: try openssl.read("r")).commonName == "kim")
  }

  @Test("a request cut off at any byte, with bytes behind it, or altered is refused")
  func malformed() throws {
    let der = try CertificateRequest.make(key: PrivateKey.generate(.p256), commonName: "terminal", organisation: nil)
    for count in der.indices {
      #expect(throws: CryptographyError.self) { try CertificateRequest(der: Array(der[..<count])) }
    }
    #expect(throws: CryptographyError.self) { try CertificateRequest(der: der + [0]) }
    let name = try #require(der.indices.first { der[$0...].starts(with: Array("terminal".utf8)) })
    var altered = der
    altered[name] = UInt8(ascii: "T")
    #expect(throws: CryptographyError.self) { try CertificateRequest(der: altered) }
  }

  @Test("roles stand under the arc of the UUID that the documents name")
  func arc() {
    #expect(Role.arc == "2.25.126339515928983172871057411372852167568")
    #expect(Role.allCases.map(\.identifier) == (1...8).map { "\(Role.arc).\($0)" })
  }
}
