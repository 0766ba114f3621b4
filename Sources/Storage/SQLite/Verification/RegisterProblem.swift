/// A row of the register that is not what the journal says.
public struct RegisterProblem: LedgerProblem, Equatable {
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

  public static let things = "rows"
}
