import ArgumentParser
import Gateway
import ProgramSupport

extension CountersignGateway {
  /// Sets a gateway up.
  struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes the company's and the TLS key and exchanges a one-time token for their certificates.",
      discussion: """
        TOKEN comes from countersign-admin gateway add and names the service's root. Both keys are made here, the
        company's encrypted under the passphrase, unless --company-key names one in a PKCS#11 token. What was interrupted may
        be repeated with the same token and passphrase for 24 hours.

        EXAMPLE
          countersign-gateway init pay.example:7443 TOKEN --data /var/lib/countersign-gateway --passphrase-file FILE
        """)

    @Argument(help: "Host and port of the service, for example pay.example:7443.")
    var address: String

    @Argument(help: "One-time token from countersign-admin gateway add.")
    var token: String

    @Option(
      help: """
        PKCS#11 URI of the company's key, made in the token before; its PIN is the passphrase. For example \
        "pkcs11:token=gateway;object=company;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so".
        """)
    var companyKey: String?

    @Flag(help: "Set a folder up anew, for example before its certificates end.")
    var replace = false

    @OptionGroup var options: GatewayOptions

    func validate() throws {
      if let companyKey, !companyKey.hasPrefix("pkcs11:") {
        throw ValidationError("--company-key must be a URI pkcs11:…")
      }
    }

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        let folder = try options.folder(settings)
        let (host, port) = try Address.parse(address, "ADDRESS")
        let enrolment = GatewayEnrolment(
          folder: folder, host: host, port: port, program: Gateway.Configuration.program)
        let identity = try await enrolment.enrol(
          token: token, passphrase: try options.passphrase(settings), tokenURI: companyKey,
          isReplacing: replace)
        Console.print("gateway of \(identity.organisation) set up in \(folder.path)")
        Console.print("its certificate ends \(TimeText.date(identity.notAfter * 1_000)); set it up anew before that")
        Console.print("next: countersign-gateway run --data \(folder.path) --passphrase-file FILE")
      }
    }
  }
}
