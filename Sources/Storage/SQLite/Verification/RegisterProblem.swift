/// A row of the register that is not what the journal says.
public struct RegisterProblem: Sendable, Equatable, CustomStringConvertible {
  /// Of the ledger's file.
  public let table: String
  /// What names the row: a number, a certificate's serial number, a MAC address.
  public let row: String
  /// What the journal says, with the record's number.
  public let journal: String
  public let register: String

  init(_ table: String, _ row: some CustomStringConvertible, journal: String, register: String) {
    (self.table, self.row) = (table, "\(row)")
    (self.journal, self.register) = (journal, register)
  }

  public var description: String {
    "table \(table), row \(row): the journal says \(journal), the register \(register)"
  }

  /// Most problems that people are shown.
  private static let shown = 20

  /// For people, one line each, and how many are left out.
  public static func lines(_ problems: [RegisterProblem]) -> [String] {
    problems.prefix(shown).map(\.description)
      + (problems.count > shown ? ["and \(problems.count - shown) rows more"] : [])
  }
}
