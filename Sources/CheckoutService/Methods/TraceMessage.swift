import Bytes
import Messages
import Payments
import StorageSQLite

extension Trace {
  /// Steps that one answer tells: the decoding rules allow 64 of a repeated field. The last ones are left out.
  static let largestSteps = 64

  /// The message of a payment's trace.
  init(_ trace: PaymentTrace) {
    self.init()
    payment = PaymentResult(trace.payment)
    idempotencyKey = trace.payment.record.key.bytes
    consultant = UInt64(trace.consultant.id)
    consultantName = trace.consultant.name
    company = UInt64(trace.company.id)
    companyName = trace.company.name
    consultantCertificate = CertificateName(trace.consultantCertificate)
    companyCertificate = CertificateName(trace.companyCertificate)
    macAddress = trace.session.macAddress.bytes
    session = trace.session.id.bytes
    path = trace.session.path == 0 ? "direct" : "gateway of \(trace.company.name)"
    loginTimeMs = UInt64(trace.session.loginTime)
    steps = trace.steps.prefix(Self.largestSteps).map { step in
      var message = TraceStep()
      message.number = UInt64(step.number)
      message.timeMs = UInt64(step.time)
      message.kind = step.kind
      message.text = step.text
      return message
    }
  }
}

extension CertificateName {
  init(_ row: CertificateRow) {
    self.init()
    issuer = row.issuerText
    serial = row.serial
    subject = row.subjectText
    fingerprint = row.fingerprint.bytes
  }
}

extension PaymentResult {
  /// The same fields that the caller of SubmitPayment gets, by the same encoder.
  init(_ stored: StoredPayment) {
    var encoder = AnswerEncoder()
    stored.reference.withUnsafeBytes { encoder.told(stored.record, reference: $0, operated: stored.operated) }
    guard let answer = try? PaymentAnswer(decoding: encoder.bytes), case .result(let result) = answer.answer else {
      preconditionFailure("the encoder made an answer that does not decode")
    }
    self = result
  }
}
