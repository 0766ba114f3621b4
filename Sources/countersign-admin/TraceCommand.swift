import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// Answers "who did this?".
struct Trace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells who processed a payment, from where, and every step of it.",
    discussion: """
      EXAMPLES
        countersign-admin trace 4711
        countersign-admin trace 0199a1b2-c3d4-7000-8000-1122334455ff
      """)

  @Argument(help: "Number of the payment, or its key (32 hexadecimal digits).")
  var payment: String

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await Program.run {
      var request = TracePaymentRequest()
      if let number = UInt64(payment) {
        request.which = .payment(number)
      } else {
        guard let key = try? PaymentKey.parse(payment) else {
          throw ProgramError(
            .usage, "\"\(payment)\" must be the number of a payment, or its key of 32 hexadecimal digits")
        }
        request.which = .idempotencyKey(key)
      }
      let reply = try await options.administrator().run { [request] in try await $0.tracePayment(request) }
      for trace in reply.traces {
        switch options.output {
        case .text: Self.printText(trace)
        case .json: Console.print(Self.json(trace))
        }
      }
    }
  }

  private static func printText(_ trace: Messages.Trace) {
    let payment = trace.payment ?? PaymentResult()
    Console.print("payment      \(payment.payment)  \(payment.outcome.text)")
    Console.print("amount       \(Money.text(payment.amount, payment.currency))  card \(payment.maskedCard)")
    Console.print("order        \(payment.orderReference)")
    Console.print("key          \(PaymentKey.text(trace.idempotencyKey))")
    Console.print("consultant   \(trace.consultant) \(trace.consultantName)")
    print("certificate", trace.consultantCertificate)
    Console.print("company      \(trace.company) \(trace.companyName)")
    print("certificate", trace.companyCertificate)
    Console.print("MAC address  \(macText(trace.macAddress))")
    Console.print("session      \(Hex.encode(trace.session)), \(trace.path)")
    Console.print("login        \(TimeText.instant(Int64(clamping: trace.loginTimeMs)))")
    for step in trace.steps {
      Console.print("  \(TimeText.instant(Int64(clamping: step.timeMs)))  #\(step.number) \(step.kind)  \(step.text)")
    }
  }

  private static func print(_ title: String, _ name: CertificateName?) {
    guard let name else { return }
    Console.print("  \(title)  serial \(Hex.encode(name.serial)), issuer \(name.issuer)")
  }

  private static func json(_ trace: Messages.Trace) -> String {
    let payment = trace.payment ?? PaymentResult()
    let steps = trace.steps.map { step in
      JSON.object([
        ("number", .number(Int64(clamping: step.number))), ("time_ms", .number(Int64(clamping: step.timeMs))),
        ("kind", .text(step.kind)), ("text", .text(step.text)),
      ])
    }
    return JSON.object([
      ("payment", .number(Int64(clamping: payment.payment))), ("outcome", .text(payment.outcome.text)),
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
      ("steps", .list(steps)),
    ])
  }

  private static func macText(_ address: [UInt8]) -> String {
    address.map { Hex.encode([$0]) }.joined(separator: ":")
  }
}
