import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// What a restored ledger goes on from.
struct EpochCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "epoch",
    abstract: "Shows and confirms what a restored ledger goes on from.",
    discussion: """
      A restored ledger does not know the payments made after its copy. It takes no payments until they were compared
      with the acquirer's own (countersign-admin reconcile) and that was confirmed; then start the service again.

      EXAMPLES
        countersign-admin epoch show
        countersign-admin epoch confirm --comment "reconciled with the acquirer's file of 28 November"
      """,
    subcommands: [Show.self, Confirm.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tells the present epoch.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        options.print(try await options.administrator().run { try await $0.getEpoch(GetEpochRequest()) })
      }
    }
  }

  struct Confirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Says that ledger and acquirer agree; payments are taken from the next start on.")

    @Option(help: "How that was found out, for the journal, at most 256 bytes.")
    var comment: String

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["comment": "--comment"]) {
        var request = ConfirmEpochRequest()
        request.comment = comment
        options.print(try await options.administrator().run { [request] in try await $0.confirmEpoch(request) })
        if options.output == .text { Console.print("start the service again: payments are taken from then on") }
      }
    }
  }
}

extension AdminOptions {
  fileprivate func print(_ epoch: Epoch) {
    switch output {
    case .text:
      let origin = epoch.number == 1 ? "never restored" : "goes on from the head over record \(epoch.headLast)"
      Console.print("epoch \(epoch.number), \(origin); \(epoch.isConfirmed ? "confirmed" : "not confirmed")")
    case .json:
      Console.print(
        JSON.object([
          ("number", .number(Int64(epoch.number))), ("begun_ms", .number(Int64(clamping: epoch.begunMs))),
          ("head_last", .number(Int64(clamping: epoch.headLast))), ("head_digest", .text(Hex.encode(epoch.headDigest))),
          ("is_confirmed", .number(epoch.isConfirmed ? 1 : 0)),
        ]))
    }
  }
}
