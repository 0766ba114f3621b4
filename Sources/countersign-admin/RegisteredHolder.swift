import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// Consultants and companies as every command takes them: by number, or by registered name; digits are a number.
extension Administrator {
  /// - Parameter argument: what a name that several consultants have is told as, as `--help` calls it.
  /// - Returns: the consultant's number; whether there is one with a number that was given, the call itself finds.
  /// - Throws: ``ProgramError`` for a name that several companies' consultants have.
  func consultant(_ text: String, _ argument: String) async throws -> UInt64 {
    if let number = UInt64(digits: text) { return number }
    var request = ListConsultantsRequest()
    request.name = text
    let found = try await run { [request] in try await $0.listConsultants(request).consultants }
    guard found.count < 2 else {
      let all = found.map { "\($0.number) of \($0.companyName)" }.joined(separator: ", ")
      throw ProgramError(.usage, "\(argument) \(text): several consultants have this name: \(all); give the number")
    }
    return found.first?.number ?? 0
  }

  /// - Returns: the company's number; whether there is one with a number that was given, the call itself finds.
  func company(_ text: String) async throws -> UInt64 {
    if let number = UInt64(digits: text) { return number }
    return try await run { try await $0.getCompany(CompanyCommand.question(text)).company?.number ?? 0 }
  }
}
