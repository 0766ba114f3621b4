import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// Enrolled terminals for load: one company, one consultant a connection. Made when they are missing.
struct Fleet: Sendable {
  let folder: String
  let host: String
  let port: UInt16
  let administrator: Administrator
  /// The company's gateway, where the terminals hold no company's key; it is set up before.
  var gateway: (host: String, port: UInt16)?
  /// Where certificates come from; nil: the service's own authority.
  var authority: BenchAuthority?
  private var company: String { authority == nil ? "Load" : "Load outside" }
  static let passphrase = SecretBytes(copying: Array("load generator".utf8))

  func terminals(_ count: Int) async throws -> [Terminal] {
    try Files.makeFolder(folder)
    if gateway == nil, !Files.exists("\(folder)/company.pem") { try await addCompany() }
    return try await concurrently(0..<count) { index in
      let place = TerminalFolder("\(folder)/\(index)")
      if !place.isEnrolled { try await enrol(place, name: "\(gateway == nil ? "load" : "behind") \(index)") }
      return try Terminal(folder: place, passphrase: Self.passphrase, program: "countersign-bench 1.0.0")
    }
  }

  private func addCompany() async throws {
    var request = AddCompanyRequest()
    request.name = company
    request.certificateRequest = try CompanyFiles.makeKey(
      at: "\(folder)/company.key", certificate: "\(folder)/company.pem", name: company)
    let reply = try await administrator.run { [request] in try await $0.addCompany(request) }
    try CompanyFiles.finish(
      chain: reply.chain, certificate: "\(folder)/company.pem", key: "\(folder)/company.key")
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

  private func enrol(_ place: TerminalFolder, name: String) async throws {
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
