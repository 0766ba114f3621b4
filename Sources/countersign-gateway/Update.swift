import ArgumentParser
import Gateway
import ProgramSupport

extension CountersignGateway {
  /// Replaces this program by a newer one.
  struct Update: AsyncParsableCommand {
    static let configuration = UpdateRun.configuration(
      folder: "the gateway's", then: "; restart the gateway afterwards",
      examples: [
        "countersign-gateway update --data /var/lib/countersign-gateway --check",
        "countersign-gateway update --data /var/lib/countersign-gateway --output json",
      ])

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
