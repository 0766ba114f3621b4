import Bytes
import Cryptography
import TestOpenSSL
import Testing

/// Requests and answers between this program and `openssl ocsp`.
@Suite struct OCSPRequestTests {
  let authority: OCSPAuthority

  init() throws { authority = try OCSPAuthority() }

  @Test func openSSLReadsOurRequest() throws {
    let openssl = try OpenSSLCommand()
    let question = authority.question()
    try openssl.write(question.der(.sha256), to: "request.der")
    let text = try openssl.run("ocsp", "-reqin", "request.der", "-req_text").text
    #expect(text.contains("Hash Algorithm: sha256") && text.contains("Serial Number: 20"), "\(text)")
    // The nonce is an OCTET STRING of 32 bytes.
    #expect(text.contains("0420" + Hex.encode(question.nonce ?? []).uppercased()), "\(text)")
  }

  @Test(arguments: ["-sha1", "-sha256"]) func weReadTheRequestOfOpenSSL(_ digest: String) throws {
    let openssl = try OpenSSLCommand()
    try openssl.write(authority.issuer.pem, to: "issuer.pem")
    try openssl.write(authority.leaf.pem, to: "leaf.pem")
    try openssl.run("ocsp", digest, "-issuer", "issuer.pem", "-cert", "leaf.pem", "-reqout", "request.der")
    let request = try OCSPRequest(der: openssl.read("request.der"))
    #expect(request.questions.count == 1 && request.questions[0].serial == authority.leaf.serial)
    #expect(request.questions[0].isOf(issuer: authority.issuer))
    #expect(try !request.questions[0].isOf(issuer: OCSPAuthority(name: "Other").issuer))
    #expect(request.nonce?.count == 16)
  }

  @Test func openSSLAcceptsOurAnswer() throws {
    let openssl = try OpenSSLAnswers(authority)
    #expect(try openssl.judge(.good).contains("leaf.pem: good"))
    let revoked = try openssl.judge(.revoked(time: 1_700_000_000, reason: 1))
    #expect(revoked.contains("leaf.pem: revoked") && revoked.contains("keyCompromise"), "\(revoked)")
    #expect(try openssl.judge(.unknown).contains("leaf.pem: unknown"))
  }

  @Test func aNonceOf129BytesIsRefused() throws {
    let der = try authority.question(nonce: [UInt8](repeating: 7, count: 129)).der(.sha1)
    #expect(throws: CryptographyError.self) { try OCSPRequest(der: der) }
  }

  @Test func aNonceOf128BytesIsRead() throws {
    let nonce = [UInt8](repeating: 7, count: 128)
    #expect(try OCSPRequest(der: authority.question(nonce: nonce).der(.sha1)).nonce == nonce)
  }

  @Test func aRequestCutAtAnyByteOrWithOneMoreIsRefused() throws {
    let der = try authority.question().der(.sha1)
    for count in der.indices { #expect(throws: CryptographyError.self) { try OCSPRequest(der: Array(der[..<count])) } }
    #expect(throws: CryptographyError.self) { try OCSPRequest(der: der + [0]) }
  }

  @Test func aRequestAboutTooManyCertificatesIsRefused() throws {
    let openssl = try OpenSSLCommand()
    try openssl.write(authority.issuer.pem, to: "issuer.pem")
    let serials = (1...17).flatMap { ["-serial", "\($0)"] }
    try openssl.run(["ocsp", "-issuer", "issuer.pem"] + serials + ["-reqout", "request.der"])
    let der = try openssl.read("request.der")
    #expect(throws: CryptographyError.self) { try OCSPRequest(der: der) }
  }

  @Test(arguments: [
    "http://ocsp.example", "http://ocsp.example:8080/a/b", "HTTP://192.0.2.7/", "http://[2001:db8::1]:80/x?y=1",
  ]) func anAddressIsRead(_ text: String) throws {
    let address = try #require(OCSPAddress(text))
    #expect(!address.host.isEmpty && address.path.hasPrefix("/"))
  }

  @Test(arguments: [
    "", "https://ocsp.example/", "ftp://ocsp.example/", "http://", "http:///x", "http://a:0/", "http://a:65536/",
    "http://user@a/", "http://a/#b", "http://a b/", "http://a,b/", "http://a;b/", "http://[::1", "http://a\r\nX: y/",
  ]) func anAddressOfAnotherFormIsNone(_ text: String) { #expect(OCSPAddress(text) == nil) }

  @Test func anIssuedCertificateTellsItsAddress() throws {
    let key = PrivateKey.generate(.p256)
    let contents = CertificateContents(
      commonName: "Kim", serial: [1], notBefore: 1_767_225_600, notAfter: 1_798_761_600, holder: .leaf(.consultant),
      ocspAddress: OCSPAddress("http://ocsp.example:8080/x"))
    let leaf = try Certificate.make(contents, key: key.publicKey, issuer: nil, signer: key)
    #expect(leaf.ocspAddresses == ["http://ocsp.example:8080/x"])
  }
}

/// Files of an authority for the `openssl` program.
struct OpenSSLAnswers {
  let authority: OCSPAuthority
  let openssl: OpenSSLCommand

  init(_ authority: OCSPAuthority) throws {
    self.authority = authority
    openssl = try OpenSSLCommand()
    try openssl.write(authority.issuer.pem, to: "issuer.pem")
    try openssl.write(authority.leaf.pem, to: "leaf.pem")
    try openssl.write(authority.delegate.certificate.pem, to: "delegate.pem")
    try openssl.write(authority.delegate.key.pem(passphrase: nil), to: "delegate.key")
  }

  /// What `openssl` says about our answer to its request.
  func judge(_ status: OCSPStatus) throws -> String {
    let names = ["-issuer", "issuer.pem", "-cert", "leaf.pem"]
    try openssl.run(["ocsp"] + names + ["-reqout", "request.der"])
    let request = try OCSPRequest(der: openssl.read("request.der"))
    let now = OCSPAuthority.now
    let answer = try authority.delegate.answer(request, [status], thisUpdate: now, nextUpdate: now + 60)
    try openssl.write(answer, to: "answer.der")
    // Without -no_nonce the program would put another nonce into the request that it reads here.
    let (text, isGood) = try openssl.run(
      ["ocsp", "-no_nonce"] + names + [
        "-reqin", "request.der", "-respin", "answer.der", "-CAfile", "issuer.pem",
      ])
    return isGood && text.contains("Response verify OK") ? text : "not verified: \(text)"
  }

  /// The delegate's answer that names the leaf by two hashes, the second time as revoked.
  func answerToTwoDigests() throws -> [UInt8] {
    let names = ["-issuer", "issuer.pem"]
    try openssl.run(
      ["ocsp"] + names + ["-sha1", "-cert", "leaf.pem", "-sha256", "-cert", "leaf.pem"] + ["-reqout", "two.der"])
    let request = try OCSPRequest(der: openssl.read("two.der"))
    let now = OCSPAuthority.now
    return try authority.delegate.answer(
      request, [.good, .revoked(time: now, reason: 1)], thisUpdate: now, nextUpdate: now + 60)
  }
}
