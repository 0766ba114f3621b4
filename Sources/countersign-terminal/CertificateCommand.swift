import ArgumentParser
import CountersignClient
import ProgramSupport

extension CountersignTerminal {
  /// Takes a newer certificate of an outside authority.
  struct CertificateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "certificate",
      abstract: "Puts a newer certificate and key of an outside authority in the place of the consultant's.",
      discussion: """
        The service must know the certificate: where it matches by serial number an administrator registers it first,
        where it matches by subject the next login registers it. Nothing is sent. Certificates of the service's own
        authority renew by themselves.

        EXAMPLE
          countersign-terminal certificate --certificate kim-2027.pem --key kim-2027.key
        """)

    @OptionGroup var files: CertificateOptions

    @OptionGroup var options: TerminalOptions

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        let folder = try options.folder(settings)
        let passphrase = try options.passphrase(settings)
        let holder = try files.holder(passphrase)
        try folder.replace(with: holder, passphrase: passphrase)
        let leaf = holder.chain[0]
        switch options.output {
        case .text:
          Console.print("\(leaf.subjectText) in \(folder.path); ends \(TimeText.date(leaf.notAfter * 1_000))")
        case .json:
          Console.print(
            JSON.object([
              ("subject", .text(leaf.subjectText)), ("folder", .text(folder.path)),
              ("not_after_ms", .number(leaf.notAfter * 1_000)),
            ]))
        }
      }
    }
  }
}
