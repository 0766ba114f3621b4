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
      with the acquirer's own (countersign-admin reconcile) and that was confirmed; from then on it does.

      EXAMPLES
        countersign-admin epoch show
        countersign-admin epoch confirm --comment "two sales reversed with the acquirer by telephone"
        countersign-admin epoch confirm --without-reconciliation --reason "no payment since the backup: desks closed"
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
      abstract: "Says that ledger and acquirer agree; payments are taken from then on.",
      discussion: """
        Needs a countersign-admin reconcile since the restore, over a time that has something of what was lost; or
        --without-reconciliation with a reason, which stands in the journal. Payments that were open in the copy are
        APPROVED then where a reconcile found them charged; the others are inquired or reversed.
        """)

    @Option(help: "What became of the differences, for the journal, at most 256 bytes.")
    var comment: String?

    @Flag(help: "Confirm although nothing was compared; needs --reason.")
    var withoutReconciliation = false

    @Option(help: "Why nothing needs to be compared, for the journal, at most 256 bytes.")
    var reason: String?

    @OptionGroup var options: AdminOptions

    func validate() throws {
      guard withoutReconciliation == (reason != nil), reason != "" else {
        throw ValidationError("--without-reconciliation and --reason TEXT go together")
      }
      guard withoutReconciliation || comment != nil else { throw ValidationError("--comment TEXT is needed") }
    }

    func run() async throws {
      try await AdminProgram.run(["comment": "--comment", "without_reconciliation": "--reason"]) {
        var request = ConfirmEpochRequest()
        (request.comment, request.withoutReconciliation) = (comment ?? "", reason ?? "")
        options.print(try await options.administrator().run { [request] in try await $0.confirmEpoch(request) })
      }
    }
  }
}

extension AdminOptions {
  fileprivate func print(_ epoch: Epoch) {
    switch output {
    case .text:
      guard epoch.number > 1 else { return Console.print("epoch 1, never restored") }
      let standing =
        switch (epoch.isConfirmed, epoch.reconciliation) {
        case (true, _): "confirmed"
        case (false, 0): "not confirmed, not reconciled"
        case (false, let record): "not confirmed, reconciled by record \(record)"
        }
      Console.print("epoch \(epoch.number), goes on from the head over record \(epoch.headLast); \(standing)")
      let (lost, begun) = (TimeText.instant(Int64(clamping: epoch.lostSinceMs)), Int64(clamping: epoch.begunMs))
      Console.print("  begun \(TimeText.instant(begun)), id \(Hex.encode(epoch.id)); what came after \(lost) is lost")
      guard epoch.charged > 0 else { return }
      Console.print(
        "  \(counted(epoch.charged, "payment")) that \(epoch.charged == 1 ? "was" : "were") open in the copy "
          + (epoch.isConfirmed ? "and charged: APPROVED now" : "and charged: APPROVED with the confirmation"))
    case .json:
      Console.print(
        JSON.object([
          ("epoch", .number(Int64(epoch.number))), ("begun_ms", .number(Int64(clamping: epoch.begunMs))),
          ("head_last", .number(Int64(clamping: epoch.headLast))), ("head_digest", .text(Hex.encode(epoch.headDigest))),
          ("is_confirmed", .truth(epoch.isConfirmed)), ("id", .text(Hex.encode(epoch.id))),
          ("reconciliation", .number(Int64(clamping: epoch.reconciliation))),
          ("lost_since_ms", .number(Int64(clamping: epoch.lostSinceMs))), ("charged", .number(Int64(epoch.charged))),
        ]))
    }
  }
}
