import ArgumentParser
import CountersignClient
import Glibc
import ProgramSupport

extension CountersignTerminal {
  /// Exchanges a one-time token for a certificate.
  struct Enrol: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes this terminal's key and exchanges a one-time token for its certificate and profile.",
      discussion: """
        The token names the service's root, so nothing that another server says is believed. An enrolment that was
        interrupted may be repeated with the same token and passphrase for 24 hours.

        EXAMPLES
          countersign-terminal enrol pay.example:7443 TOKEN --company company.pem --company-key company.key
          countersign-terminal enrol pay.example:7443 TOKEN --certificate kim.pem --key kim.key
        """)

    @Argument(help: "Host and port of the service, for example pay.example:7443.")
    var address: String

    @Argument(help: "One-time token from countersign-admin consultant add.")
    var token: String

    @Option(help: "Network interface that binds this terminal, default the first Ethernet or Wi-Fi that is up.")
    var interface: String?

    @Option(help: "PEM file with the company's certificate, where this terminal logs in without a gateway.")
    var company: String?

    @Option(help: "PEM file with the company's key, mode 0600.")
    var companyKey: String?

    @Option(help: "PEM file with a chain of an outside authority, leaf first; else the service issues one.")
    var certificate: String?

    @Option(help: "PEM file with the key of --certificate, mode 0600; it may be encrypted under the same passphrase.")
    var key: String?

    @Flag(help: "Enrol an enrolled folder anew, for example after its certificate ended; open payments stay.")
    var replace = false

    @OptionGroup var options: TerminalOptions

    func validate() throws {
      guard (company == nil) == (companyKey == nil) else {
        throw ValidationError("--company and --company-key go together")
      }
      guard (certificate == nil) == (key == nil) else {
        throw ValidationError("--certificate and --key go together")
      }
    }

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        let folder = try options.folder(settings)
        let (host, port) = try Address.parse(address, "ADDRESS")
        let interface = try interface.map { try NetworkInterface(named: $0) } ?? NetworkInterface.standard()
        let enrolment = TerminalEnrolment(folder: folder, host: host, port: port, program: CountersignTerminal.program)
        // What can fail here fails before the token is used up.
        var holder: CertificateHolder?
        if let company, let companyKey { holder = try CertificateHolder(certificate: company, key: companyKey) }
        let passphrase = try options.passphrase(settings, isNew: true)
        let result: (consultant: String, notAfter: Int64)
        if let certificate, let key {
          let outside = try CertificateHolder(certificate: certificate, key: key, passphrase: passphrase)
          result = try await enrolment.enrol(
            token: token, outside: outside, passphrase: passphrase, interface: interface, company: holder,
            isReplacing: replace)
        } else {
          result = try await enrolment.enrol(
            token: token, passphrase: passphrase, interface: interface, company: holder, isReplacing: replace)
        }
        print(result.consultant, result.notAfter, folder)
        if try folder.lacksCompany() {
          Console.complain(
            "note: logins from here will be refused: this terminal connects to the service itself and holds no company "
              + "key. Enrol it through the company's gateway, or with --company and --company-key")
        }
      }
    }

    private func print(_ consultant: String, _ notAfter: Int64, _ folder: TerminalFolder) {
      switch options.output {
      case .text:
        Console.print(
          "enrolled\(certificate == nil ? "" : " with the certificate of") \(consultant) in \(folder.path); the certificate ends \(TimeText.date(notAfter * 1_000))"
        )
      case .json:
        Console.print(
          JSON.object([
            ("consultant_name", .text(consultant)), ("folder", .text(folder.path)),
            ("not_after_ms", .number(notAfter * 1_000)),
          ]))
      }
    }
  }
}
