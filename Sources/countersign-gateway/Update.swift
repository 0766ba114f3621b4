import ArgumentParser
import Gateway
import ProgramSupport

extension CountersignGateway {
  /// Replaces this program by a newer one.
  struct Update: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Installs the newer version of this program that the service offers; restart the gateway afterwards.",
      discussion: """
        Connects only to the network service that the gateway's signed profile names, and sends it nothing but requests
        for files. The new program must be signed under the service's root and higher in version; the former one stays
        as NAME.former. Whatever goes wrong, the installed program is as it was. Run it as the user whom both the
        gateway's folder and the program belong to.

        EXAMPLES
          countersign-gateway update --data /var/lib/countersign-gateway --check
          countersign-gateway update --data /var/lib/countersign-gateway --output json

        EXIT CODES
          0 updated, already the newest, or told with --check   1 nothing or only an older version is offered
          69 not reachable, silent or cut off   74 file error, another update is running, or the program does not start
          77 server, signature or program not trusted   78 the profile names no network service, or the folder's owner
        """)

    @Flag(help: "Only tell whether a newer version is offered.")
    var check = false

    @Option(help: "text or json.")
    var output: OutputFormat = .text

    @OptionGroup var options: GatewayOptions

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        try await UpdateRun.run(
          Gateway.Configuration.program, profile: try options.folder(settings).trustedProfile(), isOnlyTold: check,
          output: output)
      }
    }
  }
}
