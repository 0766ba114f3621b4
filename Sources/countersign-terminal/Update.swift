import ArgumentParser
import CountersignClient
import ProgramSupport

extension CountersignTerminal {
  /// Replaces this program by a newer one.
  struct Update: AsyncParsableCommand {
    static let configuration = UpdateRun.configuration(
      folder: "the terminal's",
      examples: [
        "countersign-terminal update --check",
        "countersign-terminal update --output json",
      ])

    @Flag(help: "Only tell whether a newer version is offered.")
    var check = false

    @OptionGroup var options: TerminalOptions

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        try await UpdateRun.run(
          CountersignTerminal.program, profile: try options.folder(settings).trustedProfile(), isOnlyTold: check,
          output: options.output)
      }
    }
  }
}
