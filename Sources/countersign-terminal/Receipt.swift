import ArgumentParser
import Bytes
import Messages
import ProgramSupport

/// A payment's result for people or programs; never more of the card than the service shows.
struct Receipt {
  let result: PaymentResult
  /// Idempotency key.
  let key: [UInt8]
  let consultant: String
  let company: String

  init(_ result: PaymentResult, key: [UInt8], consultant: String, company: String) {
    self.result = result
    self.key = key
    self.consultant = consultant
    self.company = company
  }

  func print(_ format: OutputFormat) {
    switch format {
    case .text: Console.report(text)
    case .json: Console.report([json])
    }
  }

  /// Ends the program with the exit code of the outcome.
  static func exit(_ result: PaymentResult) throws {
    let status = exit(of: result)
    if status != .success { throw ExitCode(status.rawValue) }
  }

  static func exit(of result: PaymentResult) -> ExitStatus {
    switch result.outcome {
    case .approved: .success
    case .declined, .notCharged: .refused
    default: .outcomeUnknown
    }
  }

  private var text: [String] {
    var lines = ["payment     \(result.payment)", "outcome     \(result.outcome.text)"]
    if !result.approvalCode.isEmpty { lines.append("approval    \(result.approvalCode)") }
    if !result.responseCode.isEmpty { lines.append("response    \(result.responseCode)") }
    return lines + [
      "amount      \(Money.text(result.amount, result.currency))", "card        \(result.maskedCard)",
      "order       \(result.orderReference)", "time        \(TimeText.instant(Int64(clamping: result.timeMs)))",
      "consultant  \(consultant), \(company)", "key         \(PaymentKey.text(key))",
    ]
  }

  private var json: String {
    JSON.object([
      ("payment", .number(Int64(clamping: result.payment))), ("outcome", .text(result.outcome.text)),
      ("approval_code", .text(result.approvalCode)), ("response_code", .text(result.responseCode)),
      ("amount", .number(Int64(clamping: result.amount))), ("currency", .text(result.currency)),
      ("masked_card", .text(result.maskedCard)), ("order_reference", .text(result.orderReference)),
      ("time_ms", .number(Int64(clamping: result.timeMs))), ("consultant_name", .text(consultant)),
      ("company_name", .text(company)), ("key", .text(Hex.encode(key))),
    ])
  }
}
