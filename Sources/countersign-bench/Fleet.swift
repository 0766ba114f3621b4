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
  private static let company = "Load"
  static let passphrase = SecretBytes(copying: Array("load generator".utf8))

  func terminals(_ count: Int) async throws -> [Terminal] {
    try Files.makeFolder(folder)
    if !Files.exists("\(folder)/company.pem") { try await addCompany() }
    var terminals: [Terminal] = []
    for index in 0..<count {
      let place = TerminalFolder("\(folder)/\(index)")
      if !place.isEnrolled { try await enrol(place, name: "load \(index)") }
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
    _ = try await TerminalEnrolment(folder: place, host: host, port: port, program: "countersign-bench 1.0.0")
      .enrol(token: token, passphrase: Self.passphrase, interface: .standard())
    try place.installCompany(certificate: "\(folder)/company.pem", key: "\(folder)/company.key")
  }
}
