import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// Enrolled terminals for load: one company, one consultant a connection. Made when they are missing.
struct Fleet {
  let folder: String
  let host: String
  let port: UInt16
  let administrator: Administrator
  /// The company's gateway, where the terminals hold no company's key; it is set up before.
  var gateway: (host: String, port: UInt16)?
  private static let company = "Load"
  static let passphrase = SecretBytes(copying: Array("load generator".utf8))

  func terminals(_ count: Int) async throws -> [Terminal] {
    try Files.makeFolder(folder)
    if gateway == nil, !Files.exists("\(folder)/company.pem") { try await addCompany() }
    var terminals: [Terminal] = []
    for index in 0..<count {
      let place = TerminalFolder("\(folder)/\(index)")
      if !place.isEnrolled { try await enrol(place, name: "\(gateway == nil ? "load" : "behind") \(index)") }
      terminals.append(
        try Terminal(folder: place, passphrase: Self.passphrase, program: "countersign-bench 1.0.0"))
    }
    return terminals
  }

  private func addCompany() async throws {
    var request = AddCompanyRequest()
    request.name = Self.company
    request.certificateRequest = try CompanyFiles.makeKey(at: "\(folder)/company.key", name: Self.company)
    let reply = try await administrator.run { [request] in try await $0.addCompany(request) }
    try CompanyFiles.write(chain: reply.chain, to: "\(folder)/company.pem")
  }

  private func enrol(_ place: TerminalFolder, name: String) async throws {
    var request = AddConsultantRequest()
    request.company = Self.company
    request.name = name
    let token = try await administrator.run { [request] in try await $0.addConsultant(request).token }
    let hop = gateway ?? (host, port)
    _ = try await TerminalEnrolment(folder: place, host: hop.host, port: hop.port, program: "countersign-bench 1.0.0")
      .enrol(token: token, passphrase: Self.passphrase, interface: .standard())
    guard gateway == nil else { return }
    try place.installCompany(certificate: "\(folder)/company.pem", key: "\(folder)/company.key")
  }
}
