import ArgumentParser
import CountersignClient
import Gateway
import Glibc
import ProgramSupport

extension CountersignGateway {
  /// Puts the company's certificate of an outside authority in place.
  struct CertificateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "certificate",
      abstract: "Countersigns with a certificate that an outside authority gave the company.",
      discussion: """
        The authority must stand in the gateway's folder anchors/NAME, as in the service's, and the certificate must be
        registered there (countersign-admin company certificate). It is used from the next start or SIGHUP on; towards
        the service itself the gateway goes on to show the certificate that init brought.

        EXAMPLE
          countersign-gateway certificate --data /var/lib/countersign-gateway --passphrase-file FILE \
            --certificate acme.pem --key acme.key
        """)

    @OptionGroup var files: CertificateOptions

    @OptionGroup var options: GatewayOptions

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        let folder = try options.folder(settings)
        let passphrase = try options.passphrase(settings)
        let holder = try files.holder(passphrase)
        try folder.install(holder, passphrase: passphrase, now: Int64(time(nil)) * 1_000)
        Console.print("\(holder.chain[0].subjectText), ends \(TimeText.date(holder.chain[0].notAfter * 1_000))")
        Console.print("next: start the gateway again, or send it SIGHUP; then remove \(files.key)")
      }
    }
  }
}
