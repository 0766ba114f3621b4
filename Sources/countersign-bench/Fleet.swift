import Bytes
import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// Enrolled terminals for load: one company, one consultant a connection. Made when they are missing, under names that
/// nobody has: one of a run that was cut off may be registered already, with a token that is lost.
struct Fleet: Sendable {
  let folder: String
  let host: String
  let port: UInt16
  let administrator: Administrator
  /// The company's gateway, where the terminals hold no company's key; it is set up before.
  var gateway: (host: String, port: UInt16)?
  /// Where certificates come from; nil: the service's own authority.
  var authority: BenchAuthority?
  /// Registered name of the company that a gateway is set up for.
  private static let companyOfGateway = "Load"
  static let passphrase = SecretBytes(copying: Array("load generator".utf8))

  func terminals(_ count: Int) async throws -> [Terminal] {
    try Files.makeFolder(folder)
    if gateway == nil, !Files.exists("\(folder)/company.pem") { try await addCompany() }
    let company = try company()
    return try await concurrently(0..<count) { index in
      let place = TerminalFolder("\(folder)/\(index)")
      if !place.isEnrolled { try await enrol(place, name: Self.unused("terminal \(index)"), company: company) }
      return try Terminal(folder: place, passphrase: Self.passphrase, program: "countersign-bench 1.0.0")
    }
  }

  private static func unused(_ name: String) -> String { "\(name) \(Hex.encode(randomBytes(4)))" }

  private func company() throws -> String {
    guard gateway == nil else { return Self.companyOfGateway }
    let path = "\(folder)/company.pem"
    guard let name = try Certificate.fromPEM(try Files.read(path)).first?.organisation else {
      throw ProgramError(.configuration, "\(path) names no company; name another folder with --work")
    }
    return name
  }

  private func addCompany() async throws {
    let company = Self.unused("Load")
    var request = AddCompanyRequest()
    request.name = company
    let asked = try RequestedCertificate(
      for: company, "company", certificate: "\(folder)/company.pem", key: "\(folder)/company.key")
    request.certificateRequest = asked.request
    let reply = try await administrator.run { [request] in try await $0.addCompany(request) }
    try asked.finish(chain: reply.chain)
    guard let holder = try authority?.holder(.company, "load", organisation: company) else { return }
    try await register(.company(company), holder)
    try Files.write(try holder.key.pem(passphrase: nil), to: "\(folder)/company.key")
    try Files.write(holder.chain.flatMap(\.pem), to: "\(folder)/company.pem", mode: 0o644)
  }

  private func register(_ who: RegisterCertificateRequest.Holder, _ holder: CertificateHolder) async throws {
    var request = RegisterCertificateRequest()
    request.holder = who
    request.chain = holder.chain.map(\.der)
    _ = try await administrator.run { [request] in try await $0.registerCertificate(request) }
  }

  private func enrol(_ place: TerminalFolder, name: String, company: String) async throws {
    var request = AddConsultantRequest()
    request.company = company
    request.name = name
    let added = try await administrator.run { [request] in try await $0.addConsultant(request) }
    let hop = gateway ?? (host, port)
    let enrolment = TerminalEnrolment(
      folder: place, host: hop.host, port: hop.port, program: "countersign-bench 1.0.0")
    if let holder = try authority?.holder(.consultant, name.replacing(" ", with: "-"), organisation: company) {
      try await register(.consultant(added.consultant), holder)
      _ = try await enrolment.enrol(
        token: added.token, outside: holder, passphrase: Self.passphrase, interface: .standard())
    } else {
      _ = try await enrolment.enrol(token: added.token, passphrase: Self.passphrase, interface: .standard())
    }
    guard gateway == nil else { return }
    try place.install(company: CertificateHolder(certificate: "\(folder)/company.pem", key: "\(folder)/company.key"))
  }
}
