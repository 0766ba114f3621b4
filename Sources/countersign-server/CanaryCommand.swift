import ArgumentParser
import Bytes
import CheckoutService
import Files
import ProgramSupport

/// Looks for planted cards.
struct CanaryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "canary",
    abstract: "Looks for planted test cards in the service's files, logs and core dumps.",
    discussion: """
      Pay with test cards that nobody else uses, then let this look for them: as digits, packed decimal, base64, and
      for their middle digits alone, in every file of the folder (ledger and its WAL too), in the logs that are named,
      and where the kernel's core pattern puts core dumps. Run it while the service runs; keep the file of cards
      elsewhere. Middle digits alone may stand somewhere by chance: look at what stands around them.

      EXAMPLES
        countersign-server canary --data /var/lib/countersign --card-file cards.txt --log /var/log/countersign
        journalctl -u countersign >log.txt; echo 5424183907264510 | countersign-server canary --data DIR --stdin \\
          --log log.txt

      EXIT CODES
        0 nothing found   1 a whole number found, or the service may leave core dumps
        3 only middle digits found, which may be chance   64 wrong usage   65 wrong cards   74 file error
        78 wrong folder
      """)

  @Option(help: "The server's folder. [COUNTERSIGN_DATA]")
  var data: String?

  @Option(help: "File with the cards' numbers, one a line.")
  var cardFile: String?

  @Flag(help: "Reads the cards' numbers from standard input, one a line.")
  var stdin = false

  @Option(name: .customLong("log"), help: "File or folder to look in besides; may be repeated.")
  var logs: [String] = []

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run {
      Priority.lower()
      let folder = try DataFolder(data, await Settings(file: nil))
      try folder.checkMade()
      let scan = try scan()
      let dumps = try CoreDumps(folder)
      let paths = try ([folder.path] + logs).flatMap { path throws(FileError) in try CardScan.files(below: path) }
      var (findings, whole) = (0, 0)
      for path in paths + dumps.files {
        for finding in try scan.search(path) {
          print(finding)
          findings += 1
          if finding.form != .middle { whole += 1 }
        }
      }
      print(dumps, files: paths.count + dumps.files.count, findings: findings, whole: whole)
      if whole > 0 || !dumps.isOff { throw ExitCode(ExitStatus.refused.rawValue) }
      if findings > 0 { throw ExitCode(ExitStatus.differences.rawValue) }
    }
  }

  private func scan() throws -> CardScan {
    guard (cardFile != nil) != stdin else { throw ProgramError(.usage, "either --card-file or --stdin is needed") }
    let bytes = try cardFile.map { try Files.read($0) } ?? Console.readInput(limit: 1 << 16)
    let cards = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.filter { $0 != " " && $0 != "-" } }.filter { !$0.isEmpty }
    let place = cardFile ?? "standard input"
    guard !cards.isEmpty else { throw ProgramError(.input, "\(place): must hold card numbers, one a line") }
    do {
      return try CardScan(cards)
    } catch {
      throw ProgramError(.input, "\(place): card \(error.index + 1): \(error); it would be found nowhere")
    }
  }

  private func print(_ finding: CardScan.Finding) {
    switch output {
    case .text:
      Console.print("\(finding.path): offset \(finding.offset): card \(finding.card + 1) as \(finding.form.rawValue)")
    case .json:
      Console.print(
        JSON.object([
          ("file", .text(finding.path)), ("offset", .number(finding.offset)),
          ("card", .number(Int64(finding.card + 1))), ("form", .text(finding.form.rawValue)),
        ]))
    }
  }

  private func print(_ dumps: CoreDumps, files: Int, findings: Int, whole: Int) {
    let process = dumps.server.map { "process \($0), RLIMIT_CORE \(dumps.limit ?? "unknown")" } ?? "not running"
    switch output {
    case .text:
      Console.print("core dumps: pattern \(dumps.pattern); service \(process)")
      if !dumps.isOff { Console.print("the service may leave core dumps: start it with countersign-server run") }
      Console.print(
        "\(counted(files, "file")), \(counted(findings, "finding"))"
          + (findings > 0 ? ", \(whole) of a whole number" : ""))
    case .json:
      Console.print(
        JSON.object([
          ("files", .number(Int64(files))), ("findings", .number(Int64(findings))),
          ("whole_numbers", .number(Int64(whole))),
          ("core_pattern", .text(dumps.pattern)), ("core_limit", .text(dumps.limit ?? "")),
          ("is_core_dump_possible", .truth(!dumps.isOff)),
        ]))
    }
  }
}
