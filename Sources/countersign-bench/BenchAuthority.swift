import ArgumentParser
import Authority
import CountersignClient
import Cryptography
import Files
import Glibc
import OCSP
import ProgramSupport

/// An outside authority for measurements: an authority of this program, with its responder in this process.
struct BenchAuthority {
  let folder: String

  /// Makes the authority and the folders that make a server trust it.
  ///
  /// - Parameters:
  ///   - anchors: `DATA/anchors` of the server.
  ///   - port: of the responder.
  ///   - cache: seconds for which answers may serve.
  func make(anchors: String, port: Int, cache: Int) throws {
    let now = Int64(time(nil))
    try Files.makeFolder(folder)
    let root = try Issuer.makeRoot(serviceName: "Bench authority", now: now)
    let issuing = try root.makeIssuing(now: now)
    try Files.write(issuing.chain.flatMap(\.pem), to: "\(folder)/issuing.pem", mode: 0o644)
    try Files.write(try issuing.key.pem(passphrase: nil), to: "\(folder)/issuing.key")
    try Files.makeFolder(anchors)
    for role in [Role.consultant, .company] {
      try Files.makeFolder("\(anchors)/bench-\(role)")
      try Files.write(root.certificate.pem, to: "\(anchors)/bench-\(role)/anchor.pem", mode: 0o644)
      try Self.setCache(cache, role, anchors: anchors, port: port)
    }
  }

  static func setCache(_ seconds: Int, _ role: Role, anchors: String, port: Int) throws {
    let text =
      "role = \(role)\nusage = \(usage(role))\nocsp = http://127.0.0.1:\(port)/\ncache = \(seconds)\n"
    try Files.write(Array(text.utf8), to: "\(anchors)/bench-\(role)/authority.conf", mode: 0o644)
  }

  /// How this authority marks a role.
  private static func usage(_ role: Role) -> String { "2.25.79480351.\(role.rawValue)" }

  /// A leaf with a new key; made once.
  func holder(_ role: Role, _ name: String, organisation: String) throws -> CertificateHolder {
    let (certificate, key) = ("\(folder)/\(role)-\(name).pem", "\(folder)/\(role)-\(name).key")
    if !Files.exists(certificate) {
      let (issuer, fresh) = (try issuer(), PrivateKey.generate(.p256))
      let request = try CertificateRequest(
        der: CertificateRequest.make(key: fresh, commonName: name, organisation: organisation))
      let now = Int64(time(nil))
      let contents = CertificateContents(
        commonName: name, organisation: organisation, serial: [1] + randomBytes(15), notBefore: now - 300,
        notAfter: now + 30 * 86_400, holder: .outsideLeaf(usage: Self.usage(role)))
      let leaf = try Certificate.make(
        contents, key: request.publicKey, issuer: issuer.certificate, signer: issuer.key)
      try Files.write(try fresh.pem(passphrase: nil), to: key)
      try Files.write(([leaf] + issuer.chain.dropLast()).flatMap(\.pem), to: certificate, mode: 0o644)
    }
    return try CertificateHolder(certificate: certificate, key: key)
  }

  /// Answers that everything is good, until the process ends.
  func answer(port: Int) async throws -> OCSPListener {
    let issuer = try issuer()
    let key = PrivateKey.generate(.p256)
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: key, commonName: "Bench OCSP", organisation: nil))
    let delegate = try issuer.issue(
      request, role: .ocsp, commonName: "Bench OCSP", organisation: nil, now: Int64(time(nil)))
    let signer = OCSPSigner(certificate: delegate, key: key)
    let listener = OCSPListener { der in
      let now = Int64(time(nil))
      let answer = try? OCSPRequest(der: der)
      return
        (try? answer.map {
          try signer.answer($0, $0.questions.map { _ in .good }, thisUpdate: now, nextUpdate: now + 300)
        })
        ?? OCSPFailure.malformedRequest.der
    }
    _ = try await listener.start(host: "127.0.0.1", port: port)
    return listener
  }

  private func issuer() throws -> Issuer {
    let chain = try Certificate.fromPEM(try Files.read("\(folder)/issuing.pem"))
    guard let certificate = chain.first else { throw ProgramError(.file, "\(folder)/issuing.pem holds no certificate") }
    let key = try PrivateKey(pem: try Files.readSecret("\(folder)/issuing.key"), passphrase: nil)
    return Issuer(certificate: certificate, key: key, chain: chain)
  }
}

/// Makes an outside authority and a server's folders for it; the server is started afterwards.
struct AuthorityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "authority", abstract: "Makes an outside authority that a server trusts, for login --authority.",
    discussion: """
      EXAMPLE
        countersign-bench authority --folder /tmp/authority --anchors DATA/anchors --ocsp-port 17480 --cache 60
      """)

  @Option(help: "Folder of the authority; one that is there is kept, and only the server's folders are written.")
  var folder: String

  @Option(help: "DATA/anchors of the server.")
  var anchors: String

  @Option(help: "Port that login --authority answers OCSP on.")
  var ocspPort: Int

  @Option(help: "Seconds for which answers may serve other logins, 0 to 60.")
  var cache: Int = 60

  func run() async throws {
    try await Program.run {
      if Files.exists("\(folder)/issuing.key") {
        for role in [Role.consultant, .company] {
          try BenchAuthority.setCache(cache, role, anchors: anchors, port: ocspPort)
        }
      } else {
        try BenchAuthority(folder: folder).make(anchors: anchors, port: ocspPort, cache: cache)
      }
    }
  }
}
