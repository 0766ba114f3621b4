import CountersignRPC
import Cryptography
import Foundation
import Messages
import TestOpenSSL
import Testing

@testable import CountersignClient

/// One outside authority for all tests, with the certificates of consultant Kim and company Acme.
struct National: Sendable {
  let ca: OutsideCA
  let kim: OutsideCA.Leaf
  let acme: OutsideCA.Leaf
  /// The authority's delegate for OCSP.
  let delegate: OCSPSigner

  static let shared = Result { try National() }

  private init() throws {
    ca = try OutsideCA()
    kim = try ca.issue("kim", subject: "/C=KR/O=Acme/CN=Kim Minji", usage: OutsideCA.consultant)
    acme = try ca.issue("acme", subject: "/C=KR/O=Acme/CN=Acme Tours", usage: OutsideCA.company)
    delegate = OCSPSigner(
      certificate: try Certificate.fromPEM(ca.openssl.read("delegate.pem"))[0],
      key: try PrivateKey(pem: ca.openssl.read("delegate.key"), passphrase: nil))
  }

  /// Answers everything alike, as of now.
  func answer(
    _ status: OCSPStatus = .good, by signer: OCSPSigner? = nil, from: Int64 = -10, until: Int64? = 300
  ) -> ScriptedResponder.Behaviour {
    let signer = signer ?? delegate
    return .answer { request in
      let now = Int64(Date().timeIntervalSince1970)
      return try signer.answer(
        request, request.questions.map { _ in status }, thisUpdate: now + from, nextUpdate: until.map { now + $0 })
    }
  }
}

/// A service that trusts the outside authority, with Kim's terminal enrolled by its certificate.
struct OutsideDesk {
  let service: TestService
  let national: National
  let responder: ScriptedResponder
  /// Kim's number.
  let consultant: UInt64
  let kim: Terminal

  /// - Parameters:
  ///   - settings: lines for the authority's files, beside role, usage and OCSP address.
  ///   - address: of another responder.
  static func with(
    settings: String = "", address: String? = nil, _ body: (OutsideDesk) async throws -> Void
  ) async throws {
    let national = try National.shared.get()
    let responder = try await ScriptedResponder(national.answer())
    let service = try TestService()
    try service.trust(national.ca, address ?? responder.address, settings)
    try await service.start()
    do {
      try await service.addCompany("Acme")
      let added = try await service.addConsultant("Kim", company: "Acme")
      try await service.register(.consultant(added.consultant), national.kim.chain)
      try await service.register(.company("Acme"), national.acme.chain)
      let kim = try await service.enrol("kim", token: added.token, outside: national.kim, company: national.acme)
      try await body(
        OutsideDesk(
          service: service, national: national, responder: responder, consultant: added.consultant, kim: kim))
    } catch {
      await service.stop()
      await responder.stop()
      throw error
    }
    await service.stop()
    await responder.stop()
  }

  /// One login on its own connection.
  @discardableResult
  func login() async throws -> TerminalSession { try await kim.login() }
}

extension TestService {
  /// Writes the files of an outside authority for consultants and one for companies.
  func trust(_ ca: OutsideCA, _ ocsp: String?, _ settings: String) throws {
    try trust(ca, ocsp, settings, in: "\(root)/server")
  }

  /// The same in another program's folder.
  func trust(_ ca: OutsideCA, _ ocsp: String?, _ settings: String, in place: String) throws {
    for (role, usage) in [("consultant", OutsideCA.consultant), ("company", OutsideCA.company)] {
      let folder = "\(place)/anchors/national-\(role)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try? FileManager.default.removeItem(atPath: "\(folder)/anchor.pem")
      try FileManager.default.copyItem(atPath: ca.root, toPath: "\(folder)/anchor.pem")
      let text =
        "# outside authority\nrole = \(role)\nusage = \(usage)\ntimeout = 2000\n"
        + (ocsp.map { "ocsp = \($0)\n" } ?? "") + settings
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/authority.conf"))
    }
  }

  @discardableResult
  func register(
    _ holder: RegisterCertificateRequest.Holder, _ chain: String
  ) async throws -> RegisterCertificateReply {
    var request = RegisterCertificateRequest()
    request.holder = holder
    request.chain = try Certificate.ders(fromPEM: Array(Data(contentsOf: URL(filePath: chain))))
    return try await administrator().run { [request] in try await $0.registerCertificate(request) }
  }

  /// Enrols a terminal with a certificate of an outside authority.
  func enrol(
    _ place: String, token: String, outside leaf: OutsideCA.Leaf, company: OutsideCA.Leaf?, isReplacing: Bool = false,
    port: UInt16? = nil
  ) async throws -> Terminal {
    let folder = TerminalFolder("\(root)/\(place)")
    let holder = try CertificateHolder(certificate: leaf.chain, key: leaf.key)
    _ = try await TerminalEnrolment(folder: folder, host: "127.0.0.1", port: port ?? self.port, program: "test/1")
      .enrol(
        token: token, outside: holder, passphrase: Self.passphrase, interface: .standard(), isReplacing: isReplacing)
    if let company { try folder.write(company: CertificateHolder(certificate: company.chain, key: company.key)) }
    return try Terminal(folder: folder, passphrase: Self.passphrase, program: "test/1")
  }
}
