import ArgumentParser
import Bytes
import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

extension ConsultantCommand {
  /// Registers a certificate of an outside authority for a consultant.
  struct RegisterCertificate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "certificate",
      abstract: "Registers a certificate that an outside authority issued for a consultant.",
      discussion: """
        The service must trust the authority (DATA/anchors). The organisation in the certificate must be the registered
        name of the consultant's company. The terminal then enrols with a token, this certificate and its key.
        A certificate that would not log in is refused with the rule that it breaks; certificate 0 is the leaf.

        EXAMPLE
          countersign-admin consultant certificate 17 --certificate kim.pem
        """)

    @Argument(help: "Number or registered name of the consultant.")
    var consultant: String

    @Option(help: "PEM file with the chain, leaf first.")
    var certificate: String

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(Registration.fields(holder: "CONSULTANT", certificate)) {
        let request = try Registration.request(certificate)
        let administrator = try await options.administrator()
        let number = try await administrator.consultant(consultant, "CONSULTANT")
        try await Registration.register(
          request, of: .consultant(number), "consultant \(number)", administrator, options.output)
      }
    }
  }
}

extension CompanyCommand {
  /// Registers a certificate of an outside authority for a company.
  struct RegisterCertificate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "certificate",
      abstract: "Registers a certificate that an outside authority issued for a company.",
      discussion: """
        The service must trust the authority (DATA/anchors). The organisation in the certificate must be the company's
        registered name.
        A certificate that would not countersign a login is refused with the rule that it breaks; certificate 0 is the
        leaf.

        EXAMPLE
          countersign-admin company certificate "Acme Tours" --certificate acme.pem
        """)

    @Argument(help: "Number or registered name of the company.")
    var company: String

    @Option(help: "PEM file with the chain, leaf first.")
    var certificate: String

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(Registration.fields(holder: "COMPANY", certificate)) {
        try await Registration.register(
          Registration.request(certificate), of: .company(company), "company \(company)", options.administrator(),
          options.output)
      }
    }
  }
}

private enum Registration {
  static func fields(holder: String, _ path: String) -> RequestFields {
    ["consultant": .argument(holder), "company": .argument(holder), "chain": .input(path)]
  }

  /// The chain of a file, without the holder.
  static func request(_ path: String) throws -> RegisterCertificateRequest {
    var request = RegisterCertificateRequest()
    do {
      request.chain = try LoginChain.certificates(inFile: try Files.read(path), rule: "certificate")
      _ = try LoginChain.read(request.chain)
    } catch let refusal as CertificateRefusal {
      throw ProgramError(.input, "\(path): \(refusal)")
    }
    return request
  }

  static func register(
    _ certificate: RegisterCertificateRequest, of holder: RegisterCertificateRequest.Holder, _ who: String,
    _ administrator: Administrator, _ output: OutputFormat
  ) async throws {
    var request = certificate
    request.holder = holder
    let reply = try await administrator.run { [request] in try await $0.registerCertificate(request) }
    let name = reply.name ?? CertificateName()
    switch output {
    case .text:
      Console.print(
        "\(who): \(name.subject), serial \(Hex.encode(name.serial)), authority \(reply.authority), matched by "
          + "\(reply.match)\(reply.isNew ? "" : "; was registered before")")
    case .json:
      Console.print(
        JSON.object([
          ("subject", .text(name.subject)), ("issuer", .text(name.issuer)), ("serial", .text(Hex.encode(name.serial))),
          ("fingerprint", .text(Hex.encode(name.fingerprint))), ("authority", .text(reply.authority)),
          ("match", .text(reply.match)),
        ]))
    }
  }
}
