import ArgumentParser
import Audit
import Bytes
import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// Fetches a payment's receipt.
struct ReceiptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "receipt",
    abstract: "Writes a payment's receipt: its records, with proof that they stand in the signed journal.",
    discussion: """
      A receipt is verified without this service by verify-receipt, or by docs/verify_receipt.py. It tells how the payment
      stands now: its order, the outcome where there is one, and refunds, voids and reversals since.

      EXAMPLES
        countersign-admin receipt 4711
        countersign-admin receipt 0199a1b2-c3d4-7000-8000-1122334455ff --output kim.receipt
      """)

  @Argument(help: "Number of the payment, or its key (32 hexadecimal digits).")
  var payment: String

  @Option(help: "File to write, default receipt-PAYMENT.")
  var output: String?

  @OptionGroup var connection: AdminConnection

  func run() async throws {
    try await AdminProgram.run(["which": "PAYMENT", "idempotency_key": "PAYMENT", "payment": "PAYMENT"]) {
      var request = MakeReceiptRequest()
      switch try NamedPayment(payment) {
      case .number(let number): request.which = .payment(number)
      case .key(let key): request.which = .idempotencyKey(key)
      }
      let file = output ?? "receipt-\(payment)"
      try OutputFile.check(file)
      let reply = try await connection.administrator().audit { [request] in try await $0.makeReceipt(request) }
      try Files.put(reply.receipt, at: file, mode: 0o644)
      let records = (try? Receipt(reply.receipt).proofs.map { "\($0.record.number)" }) ?? []
      Console.print("\(file): records \(records.joined(separator: ", ")), \(reply.receipt.count) bytes")
    }
  }
}

/// Verifies a receipt with the published key alone.
struct VerifyReceipt: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-receipt",
    abstract: "Verifies a receipt with the service's published key; needs neither service nor network.",
    discussion: """
      EXAMPLE
        countersign-admin verify-receipt receipt-4711 --key audit.pem

      EXIT CODES
        0 the receipt is good   1 it is not, and why   64 wrong usage   74 file error   77 the key is none
      """)

  @Argument(help: "The receipt.")
  var file: String

  @Option(help: "PEM file with the service's public key of the journal, as countersign-admin audit key writes it.")
  var key: String

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await AdminProgram.run {
      let key = try PublicKey(pemFile: key)
      let bytes = try Files.read(file)
      do {
        let found = try Receipt(bytes).verify(by: key)
        switch output {
        case .text: Self.print(found)
        case .json: Console.print(Self.json(found))
        }
      } catch let failure as AuditFailure {
        switch output {
        case .text: Console.print("refused: \(failure)")
        case .json: Console.print(JSON.object([("result", .text("refused")), ("text", .text("\(failure)"))]))
        }
        throw ExitCode(ExitStatus.refused.rawValue)
      }
    }
  }

  private static func print(_ found: ReceiptFindings) {
    let payment = found.payment
    Console.print("good: the journal has these records under its signed heads")
    Console.print("payment      \(found.number) of \(TimeText.instant(payment.time))")
    Console.print("amount       \(Money.text(payment.amount, payment.currency))  card \(payment.maskedCard)")
    Console.print("order        \(String(decoding: payment.reference, as: UTF8.self))")
    Console.print("key          \(PaymentKey.text(payment.key))")
    Console.print("consultant   \(payment.consultant) of company \(payment.company)")
    Console.print("session      \(Hex.encode(payment.session))")
    if let (record, outcome) = found.outcome {
      Console.print("outcome      \(outcome.stateName) at \(TimeText.instant(outcome.time)), record \(record)")
      if !outcome.codesText.isEmpty { Console.print("acquirer     \(outcome.codesText)") }
    }
    if let (record, state) = found.step { Console.print("then         \(state.name), record \(record)") }
    for operation in found.operations {
      Console.print(
        "then         \(operation.kind.name.lowercased()) \(operation.number) of "
          + "\(Money.text(operation.amount, payment.currency)) \(operation.state.name) at "
          + "\(TimeText.instant(operation.time)), record \(operation.record)")
    }
    Console.print("standing     \(found.standing)")
    Console.print("up to        record \(found.until), \(TimeText.instant(found.untilTime))")
  }

  private static func json(_ found: ReceiptFindings) -> String {
    let payment = found.payment
    var fields: [(String, JSON.Value)] = [
      ("result", .text("good")), ("payment", .number(found.number)), ("time_ms", .number(payment.time)),
      ("amount", .number(Int64(clamping: payment.amount))), ("currency", .text(payment.currency)),
      ("masked_card", .text(payment.maskedCard)),
      ("order_reference", .text(String(decoding: payment.reference, as: UTF8.self))),
      ("key", .text(Hex.encode(payment.key))), ("consultant", .number(payment.consultant)),
      ("company", .number(payment.company)), ("session", .text(Hex.encode(payment.session))),
    ]
    if let (record, outcome) = found.outcome {
      fields += [
        ("state", .text(outcome.stateName)), ("outcome_record", .number(record)),
        ("outcome_time_ms", .number(outcome.time)), ("approval_code", .text(outcome.approvalText)),
        ("response_code", .text(outcome.responseText)),
      ]
    }
    if let (record, state) = found.step {
      fields += [("step", .text(state.name)), ("step_record", .number(record))]
    }
    let operations = found.operations.map { operation in
      JSON.object([
        ("kind", .text(operation.kind.name)), ("operation", .number(operation.number)),
        ("state", .text(operation.state.name)), ("amount", .number(Int64(clamping: operation.amount))),
        ("record", .number(operation.record)), ("time_ms", .number(operation.time)),
      ])
    }
    return JSON.object(
      fields + [
        ("operations", .list(operations)), ("refunded", .number(Int64(clamping: found.refunded))),
        ("standing", .text(found.standing)), ("until", .number(found.until)),
        ("until_time_ms", .number(found.untilTime)),
      ])
  }
}

extension PublicKey {
  /// - Throws: ``ProgramError`` or `FileError` that names the file.
  convenience init(pemFile path: String) throws {
    do {
      try self.init(pem: try Files.read(path))
    } catch let error as CryptographyError {
      throw ProgramError(.untrusted, "\(path): \(error)")
    }
  }
}
