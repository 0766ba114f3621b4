import ArgumentParser
import Bundles
import Bytes
import CheckoutService
import Glibc
import ProgramSupport

/// Signs programs for the network service.
struct BundleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bundle",
    abstract: "Signs programs and offers them to terminals and gateways over HTTPS.",
    discussion: """
      Signs with the certificate in DATA/bundle, which is made at first use, and puts each program into DATA/bundles. A
      running server with --https-port offers the highest version from then on. An option may be given once for each
      platform; the platform is read from the file. Run it again with the same files once a year, before the certificate
      ends.

      EXAMPLE
        countersign-server bundle --data /var/lib/countersign --release 1.1.0 \\
          --terminal build/countersign-terminal --gateway build/countersign-gateway

      EXIT CODES
        0 done   64 wrong usage   65 a file is no such program   74 file error   78 wrong folder
      """)

  @Option(help: "The server's folder. [COUNTERSIGN_DATA]")
  var data: String?

  @Option(name: .customLong("terminal"), help: "File of the countersign-terminal to offer; may be repeated.")
  var terminals: [String] = []

  @Option(name: .customLong("gateway"), help: "File of the countersign-gateway to offer; may be repeated.")
  var gateways: [String] = []

  @Option(help: "Version of these programs, for example 1.1.0.")
  var release: String

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run {
      let folder = try DataFolder(data, await Settings(file: nil))
      guard let version = ProgramVersion(release) else {
        throw ProgramError(.usage, "--release \(release): must be three numbers, for example 1.1.0")
      }
      let files = terminals.map { (DeliveredProgram.terminal, $0) } + gateways.map { (DeliveredProgram.gateway, $0) }
      guard !files.isEmpty else { throw ProgramError(.usage, "--terminal or --gateway is needed") }
      try folder.checkMade()
      let bundling = Bundling(folder: folder, now: Int64(time(nil)) * 1_000)
      for (program, file) in files { print(try bundling.add(program, file: file, version: version)) }
    }
  }

  private func print(_ bundle: TrustedBundle) {
    let digest = Hex.encode(bundle.digest.bytes)
    switch output {
    case .text: Console.print("\(bundle.name.file): \(bundle.size) bytes, SHA-256 \(digest)")
    case .json:
      Console.print(
        JSON.object([
          ("program", .text(bundle.name.program.rawValue)), ("version", .text("\(bundle.name.version)")),
          ("platform", .text("\(bundle.name.platform)")), ("size", .number(Int64(bundle.size))),
          ("sha256", .text(digest)),
        ]))
    }
  }
}

extension BundlingError: ProgramEnding {
  public var status: ExitStatus { .input }
}
