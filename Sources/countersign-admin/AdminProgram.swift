import ProgramSupport

/// How commands of administrators run.
enum AdminProgram {
  /// What an administrator can do about a refusal, by its reason (proto/PROTOCOL.md).
  private static let advice = [
    "ADMINISTRATOR_NOT_FOUND": "countersign-admin administrator list shows all",
    "COMPANY_NOT_FOUND": "countersign-admin company list shows all",
    "CONSULTANT_NOT_FOUND": "countersign-admin consultant list shows all",
    "LEDGER_UNCONFIRMED": confirmation,
  ]

  /// What ends the time after a restore.
  static let confirmation = "countersign-admin reconcile, then epoch confirm"

  /// Runs a command and ends it as docs/operations.md says.
  ///
  /// - Parameters:
  ///   - fields: where the command's request comes from.
  ///   - advice: what the command knows besides of its reasons.
  static func run(
    _ fields: RequestFields = [:], advice: [String: String] = [:], _ body: () async throws -> Void
  ) async throws {
    try await Program.run(fields, advice: Self.advice.merging(advice) { $1 }, body)
  }
}
