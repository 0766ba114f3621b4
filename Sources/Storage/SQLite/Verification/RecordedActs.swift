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
  /// A record that no table can be compared with.
  static func unreadable(_ act: RegisterAct) -> RegisterProblem {
    RegisterProblem(
      "event", act.record, journal: "what this program does not understand: \(act.text)",
      register: "cannot be compared with it")
  }
}
