import Bytes
import Payments

/// The ledger's epochs after the records of restores, of comparisons with the acquirer's files, and of confirmations.
struct EpochReplay {
  private struct Recorded {
    var begun: RegisterAct
    var confirmed: RegisterAct?
    /// Comparisons that were recorded while it waited, with the times of their files and the ledger's epoch then.
    var reconciliations: [(record: Int64, times: Range<Int64>, epoch: Int64)] = []
  }

  private var epochs: [Int64: Recorded] = [:]
  /// Those that wait for their confirmation, the ledger's own last: a copy may have been made while one waited.
  private var waiting: [Int64] = []
  private var unreadable: [RegisterAct] = []

  /// - Parameter acts: in order of their records.
  init(_ acts: [RegisterAct]) {
    for act in acts where !take(act) { unreadable.append(act) }
  }

  /// - Returns: false where the text is none that this program writes.
  private mutating func take(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    switch act.kind {
    case .epochBegun:
      guard text.skip("epoch "), let number = text.number() else { return false }
      epochs[number] = Recorded(begun: act)
      waiting.append(number)
    case .epochConfirmed:
      guard text.skip("epoch "), text.number() == waiting.last, !waiting.isEmpty else { return false }
      for number in waiting { epochs[number]?.confirmed = act }
      waiting = []
    case .reconciled:
      guard let last = waiting.last else { return true }
      guard let times = Self.times(&text) else { return false }
      for number in waiting { epochs[number]?.reconciliations.append((act.record, times, last)) }
    default: break
    }
    return true
  }

  /// Those of an acquirer's file, behind its name and digest.
  private static func times(_ text: inout ActText) -> Range<Int64>? {
    while text.upTo(", SHA-256 ") != nil {
      guard text.hex()?.count == 64, text.skip(", from "), let from = text.number(), text.skip(" to "),
        let to = text.number(), from < to
      else { continue }
      return from..<to
    }
    return nil
  }

  /// - Parameter lostSince: times of the records before those that begin epochs, by these.
  func problems(beside rows: [LedgerEpoch], lostSince: [Int64: Int64]) -> [RegisterProblem] {
    let known = Dictionary(rows.map { ($0.number, $0) }) { first, _ in first }
    return unreadable.map(RegisterProblem.unreadable)
      + RegisterProblem.differences(
        in: "epoch", rows, number: \.number, beside: epochs, text: { "begun (record \($0.begun.record))" },
        contradictions: { Self.contradictions($0, $1, lostSince, known) })
  }

  private static func contradictions(
    _ row: LedgerEpoch, _ recorded: Recorded, _ lostSince: [Int64: Int64], _ known: [Int64: LedgerEpoch]
  ) -> [(journal: String, register: String)] {
    let begun = recorded.begun
    var told: [(journal: String, register: String)] = []
    if !isBegin(begun.text, of: row) {
      told.append(
        (
          "\(begun.text) (record \(begun.record))",
          "id \(Hex.encode(row.id.bytes)), head over record \(row.headLast), \(Hex.encode(row.headDigest.bytes))"
        ))
    }
    func compare(_ what: String, _ journal: Int64?, _ register: Int64?, _ text: (Int64) -> String) {
      guard journal != register else { return }
      told.append((journal.map { "\(what) \(text($0))" } ?? "not \(what)", register.map(text) ?? "not \(what)"))
    }
    compare("begun at", begun.time, row.begun, TimeText.instant)
    compare("lost since", lostSince[begun.record] ?? 0, row.lostSince, TimeText.instant)
    compare("confirmed", recorded.confirmed?.time, row.confirmed, TimeText.instant)
    let reconciliation = recorded.reconciliations.last { known[$0.epoch]?.isAbout($0.times) ?? false }?.record
    compare("reconciled by record", reconciliation, row.reconciliation) { "\($0)" }
    return told
  }

  private static func isBegin(_ text: String, of row: LedgerEpoch) -> Bool {
    var text = ActText(text)
    // Between both stands the name of a file.
    return text.skip("epoch \(row.number), id \(Hex.encode(row.id.bytes)), from ")
      && text.behindLast(", goes on from the head over record ")
      && text.skip("\(row.headLast), \(Hex.encode(row.headDigest.bytes)); ")
  }
}
