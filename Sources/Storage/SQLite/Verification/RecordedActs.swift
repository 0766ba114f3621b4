import Payments

/// What the journal says of the tables that are compared with it, gathered in order of its records.
struct RecordedActs: Sendable, Equatable {
  /// Of the register, of epochs, and of the vault's keys.
  private(set) var register: [RegisterAct] = []
  private(set) var operations = OperationReplay()
  var unresolved = UnresolvedReplay()

  mutating func take(_ act: RegisterAct) {
    switch act.kind {
    case .operation: operations.take(act)
    case .paymentState: unresolved.take(act)
    default: register.append(act)
    }
  }

  /// - Returns: rows that are not what the journal says; empty: none.
  func problems(beside contents: RegisterContents) -> [RegisterProblem] {
    let administrators = RecordedAdministrators(contents.certificates)
    return RegisterComparison(register, contents).problems
      + operations.problems(beside: contents.operations, administrators)
      + unresolved.problems(beside: contents.unresolved) + unresolved.problems(below: contents.mark)
      + EpochReplay(register).problems(beside: contents.epochs, lostSince: contents.lostSince)
      + KeyActReplay(register).problems(beside: contents.keyActs, administrators) + contents.stale
  }
}

/// Whose certificates administrators are recorded by: subject and serial number.
struct RecordedAdministrators {
  private var holders: [String: Set<Int64>] = [:]

  init(_ certificates: [RegisterContents.Certificate]) {
    for certificate in certificates where certificate.key.kind == 3 {
      holders["\(certificate.row.subjectText), serial \(certificate.key.serial)", default: []]
        .insert(certificate.key.holder)
    }
  }

  /// Whether a record that names `text` is of the administrator of a number.
  func isNamed(_ text: String, _ administrator: Int64) -> Bool { holders[text]?.contains(administrator) ?? false }
}

extension RegisterProblem {
  /// Compares the rows of a table, each of which has records under its number.
  ///
  /// - Parameters:
  ///   - number: of a row.
  ///   - recorded: what records say, by the numbers of the rows.
  ///   - text: what stands for a row that is not there.
  ///   - contradictions: what a row says otherwise.
  static func differences<Row, Recorded>(
    in table: String, _ rows: [Row], number: (Row) -> Int64, beside recorded: [Int64: Recorded],
    text: (Recorded) -> String, contradictions: (Row, Recorded) -> [(journal: String, register: String)]
  ) -> [RegisterProblem] {
    var problems: [RegisterProblem] = []
    var lost = recorded
    for row in rows {
      let told = lost.removeValue(forKey: number(row)).map { contradictions(row, $0) } ?? [("nothing of it", "has it")]
      problems += told.map { RegisterProblem(table, number(row), journal: $0.journal, register: $0.register) }
    }
    return problems
      + lost.sorted { $0.key < $1.key }.map {
        RegisterProblem(table, $0.key, journal: text($0.value), register: "does not have it")
      }
  }

  /// A record that no table can be compared with.
  static func unreadable(_ act: RegisterAct) -> RegisterProblem {
    RegisterProblem(
      "event", act.record, journal: "what this program does not understand: \(act.text)",
      register: "cannot be compared with it")
  }
}
