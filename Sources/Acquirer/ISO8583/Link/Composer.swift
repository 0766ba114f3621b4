import ISO8583
import Payments

/// Fills messages as the dialect says, and tells the key that their answers will have. Pure.
struct Composer: Sendable {
  /// What a message is about.
  struct Subject: Sendable {
    /// What names it.
    var original: OriginalElements
    /// Minor units.
    var amount: UInt64
    var currency: Currency
    var instalments: UInt8
    var secrets: CardSecrets
    /// What names the sale that a refund or void is of; nil: what names the message.
    var sale: OriginalElements? = nil
  }

  let dialect: Dialect
  private var time = MessageTime()

  init(dialect: Dialect) { self.dialect = dialect }

  /// Fills a message about a payment, or about the line itself.
  ///
  /// - Parameters:
  ///   - message: emptied first.
  ///   - now: seconds since 1970-01-01T00:00:00Z; DE7 of everything but a sale.
  /// - Returns: the key of its answer.
  mutating func fill(
    _ message: inout Message, _ template: Template, kind: Dialect.MessageKind, _ subject: Subject,
    isRepeat: Bool, now: Int64
  ) -> RequestKey {
    message.erase()
    message.type = isRepeat ? template.repeatType ?? template.type : template.type
    let original = subject.original
    // A refund is sent once, so that its answer finds it after a restart too.
    let sent = kind == .sale || kind == .refund ? original.time : now
    for field in template.fields {
      guard has(field, subject) else { continue }
      message.append(field.number) { output in
        for value in field.values { append(value, subject, sent: sent, to: &output) }
      }
    }
    return key(of: original, messageClass: message.type / 100, sent: sent, isNetwork: kind.isNetwork)
  }

  /// The key of the answer to a sale, whoever sent it.
  mutating func saleKey(_ original: OriginalElements) -> RequestKey {
    key(of: original, messageClass: original.messageType / 100, sent: original.time, isNetwork: false)
  }

  private mutating func key(
    of original: OriginalElements, messageClass: UInt16, sent: Int64, isNetwork: Bool
  ) -> RequestKey {
    var key = RequestKey(messageClass: messageClass, stan: original.stan)
    guard !isNetwork else { return key }
    if dialect.match.contains(.time) { key.time = time.transmission(sent) }
    if dialect.match.contains(.terminal) { key.terminal = original.terminal }
    if dialect.match.contains(.retrieval) { key.retrieval = original.retrieval }
    return key
  }

  /// Whether all that the field is made of is there.
  private func has(_ field: Template.Field, _ subject: Subject) -> Bool {
    for case .source(let source) in field.values {
      let isThere =
        switch source {
        case .pan: subject.secrets.panLength > 0
        case .expiry: subject.secrets.expiryMonth > 0
        case .securityCode: subject.secrets.securityCode[0] > 0
        case .passwordDigits: subject.secrets.passwordDigits[0] > 0
        case .payer: subject.secrets.payerIdentification[0] > 0
        case .acquirer: subject.original.acquirer.count > 0
        case .retrieval: subject.original.retrieval.head > 0
        default: true
        }
      guard isThere else { return false }
    }
    return true
  }

  private mutating func append(
    _ value: Template.Value, _ subject: Subject, sent: Int64, to output: inout [UInt8]
  ) {
    let original = subject.original
    let local = original.time + dialect.localOffset
    switch value {
    case .fixed(let bytes): output.append(contentsOf: bytes)
    case .source(let source):
      switch source {
      case .pan: for index in 0..<Int(subject.secrets.panLength) { output.append(subject.secrets.pan[index]) }
      case .expiry:
        let (year, month) = (UInt64(subject.secrets.expiryYear % 100), UInt64(subject.secrets.expiryMonth))
        TextNumber.append(digits: year * 100 + month, count: 4, to: &output)
      case .amount: TextNumber.append(digits: subject.amount, count: 12, to: &output)
      case .currency:
        TextNumber.append(digits: UInt64(CurrencyNumbers.number(of: subject.currency) ?? 0), count: 3, to: &output)
      case .currencyLetters: TextNumber.append(UInt64(subject.currency.value), of: 3, to: &output)
      case .instalments: TextNumber.append(digits: UInt64(subject.instalments), count: 2, to: &output)
      case .stan: TextNumber.append(digits: UInt64(original.stan), count: 6, to: &output)
      case .transmissionTime: TextNumber.append(digits: time.transmission(sent), count: 10, to: &output)
      case .localTime: TextNumber.append(digits: time.localTime(local), count: 6, to: &output)
      case .localDate: TextNumber.append(digits: time.localDate(local), count: 4, to: &output)
      case .localDateTime: TextNumber.append(digits: time.localDateTime(local), count: 12, to: &output)
      case .retrieval:
        TextNumber.append(original.retrieval.head, to: &output)
        TextNumber.append(UInt64(original.retrieval.tail), of: 4, to: &output)
      case .terminal: TextNumber.append(original.terminal, to: &output)
      case .acquirer: appendAcquirer(original, count: Int(original.acquirer.count), to: &output)
      case .securityCode: appendText(subject.secrets.securityCode, to: &output)
      case .passwordDigits: appendText(subject.secrets.passwordDigits, to: &output)
      case .payer: appendText(subject.secrets.payerIdentification, to: &output)
      case .original: appendOriginal(subject.sale ?? original, to: &output)
      case .original1993: appendOriginal1993(subject.sale ?? original, to: &output)
      }
    }
  }

  private func appendAcquirer(_ original: OriginalElements, count: Int, to output: inout [UInt8]) {
    if count > 0 { TextNumber.append(digits: original.acquirer.value, count: count, to: &output) }
  }

  private func appendText<let count: Int>(_ text: InlineArray<count, UInt8>, to output: inout [UInt8]) {
    for index in 0..<count where text[index] != 0 { output.append(text[index]) }
  }

  /// Type (4), STAN (6), DE7 (10), acquirer (11), forwarder (11, none).
  private mutating func appendOriginal(_ original: OriginalElements, to output: inout [UInt8]) {
    TextNumber.append(digits: UInt64(original.messageType), count: 4, to: &output)
    TextNumber.append(digits: UInt64(original.stan), count: 6, to: &output)
    TextNumber.append(digits: time.transmission(original.time), count: 10, to: &output)
    appendAcquirer(original, count: 11, to: &output)
    TextNumber.append(digits: 0, count: 11, to: &output)
  }

  /// Type (4), STAN (6), DE12 (12), acquirer behind its length (2 and up to 11).
  private mutating func appendOriginal1993(_ original: OriginalElements, to output: inout [UInt8]) {
    TextNumber.append(digits: UInt64(original.messageType), count: 4, to: &output)
    TextNumber.append(digits: UInt64(original.stan), count: 6, to: &output)
    TextNumber.append(digits: time.localDateTime(original.time + dialect.localOffset), count: 12, to: &output)
    TextNumber.append(digits: UInt64(original.acquirer.count), count: 2, to: &output)
    appendAcquirer(original, count: Int(original.acquirer.count), to: &output)
  }
}

extension Dialect.MessageKind {
  /// About the line, not about a payment.
  var isNetwork: Bool { self == .signOn || self == .signOff || self == .echo }
}
