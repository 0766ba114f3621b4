import Bytes
import Cryptography
import Messages
import ProgramSupport

/// A trace as people or programs read it.
enum TraceOutput {
  /// - Parameter isLast: whether no other payment follows, in the next page neither.
  static func print(_ trace: Messages.Trace, isLast: Bool, as format: OutputFormat) {
    switch format {
    case .text: printText(trace)
    case .json: Console.print(json(trace, isLast: isLast))
    }
  }

  private static func printText(_ trace: Messages.Trace) {
    let payment = trace.payment ?? PaymentResult()
    Console.print("payment      \(payment.payment)  \(payment.outcome.text)\(state(payment))")
    Console.print("amount       \(Money.text(payment.amount, payment.currency))  card \(payment.maskedCard)")
    Console.print("order        \(payment.orderReference)")
    Console.print("key          \(PaymentKey.text(trace.idempotencyKey))")
    Console.print("consultant   \(trace.consultant) \(trace.consultantName)")
    printCertificate(trace.consultantCertificate)
    Console.print("company      \(trace.company) \(trace.companyName)")
    printCertificate(trace.companyCertificate)
    Console.print("MAC address  \(macText(trace.macAddress))")
    Console.print("session      \(Hex.encode(trace.session)), \(trace.path)")
    Console.print("login        \(TimeText.instant(Int64(clamping: trace.loginTimeMs)))")
    for step in trace.steps {
      let time = TimeText.instant(Int64(clamping: step.timeMs))
      Console.print("  \(time)  #\(step.number) \(step.kind)  \(ShownText.escaped(step.text))")
    }
  }

  /// Where it says more than the outcome.
  private static func state(_ payment: PaymentResult) -> String {
    payment.state.text == payment.outcome.text ? "" : ", \(payment.state.text)"
  }

  private static func printCertificate(_ name: CertificateName?) {
    guard let name else { return }
    Console.print("  certificate  serial \(Hex.encode(name.serial)), issuer \(name.issuer)")
  }

  private static func json(_ trace: Messages.Trace, isLast: Bool) -> String {
    let payment = trace.payment ?? PaymentResult()
    let steps = trace.steps.map { step in
      JSON.object([
        ("number", .number(Int64(clamping: step.number))), ("time_ms", .number(Int64(clamping: step.timeMs))),
        ("kind", .text(step.kind)), ("text", .text(step.text)),
      ])
    }
    return JSON.object([
      ("payment", .number(Int64(clamping: payment.payment))), ("outcome", .text(payment.outcome.text)),
      ("state", .text(payment.state.text)), ("time_ms", .number(Int64(clamping: payment.timeMs))),
      ("amount", .number(Int64(clamping: payment.amount))), ("currency", .text(payment.currency)),
      ("masked_card", .text(payment.maskedCard)), ("order_reference", .text(payment.orderReference)),
      ("key", .text(Hex.encode(trace.idempotencyKey))), ("consultant", .number(Int64(clamping: trace.consultant))),
      ("consultant_name", .text(trace.consultantName)), ("company", .number(Int64(clamping: trace.company))),
      ("company_name", .text(trace.companyName)),
      ("consultant_issuer", .text(trace.consultantCertificate?.issuer ?? "")),
      ("consultant_serial", .text(Hex.encode(trace.consultantCertificate?.serial ?? []))),
      ("company_issuer", .text(trace.companyCertificate?.issuer ?? "")),
      ("company_serial", .text(Hex.encode(trace.companyCertificate?.serial ?? []))),
      ("mac_address", .text(macText(trace.macAddress))), ("session", .text(Hex.encode(trace.session))),
      ("path", .text(trace.path)), ("login_time_ms", .number(Int64(clamping: trace.loginTimeMs))),
      ("steps", .list(steps)), ("is_last", .truth(isLast)),
    ])
  }

  private static func macText(_ address: [UInt8]) -> String {
    address.map { Hex.encode([$0]) }.joined(separator: ":")
  }
}
