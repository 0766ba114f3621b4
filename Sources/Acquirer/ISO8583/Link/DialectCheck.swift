import ISO8583
import Payments

/// What a whole configuration must hold, found before a card is charged.
struct DialectCheck {
  let file: String
  let dialect: Dialect

  func run() throws(ConfigurationError) {
    try need(!dialect.name.isEmpty, "\"acquirer\" is missing: the acquirer's name")
    try need(!dialect.addresses.isEmpty, "\"address\" is missing: HOST:PORT")
    try need(!dialect.terminals.isEmpty, "\"terminals\" is missing: at least one DE41")
    try need((dialect.tls?.chain == nil) == (dialect.tls?.key == nil), "\"tls-chain\" and \"tls-key\" go together")
    try needMeanings(.sale, [.approved, .declined])
    try needMeanings(.reversal, [.reversed, .notFound])
    if dialect.messages[.inquiry] != nil { try needMeanings(.inquiry, [.approved]) }
    for kind in [Dialect.MessageKind.signOn, .echo] where dialect.messages[kind] != nil {
      try needMeanings(.network, [.approved])
    }
    for kind in [Dialect.MessageKind.sale, .reversal] {
      try need(dialect.messages[kind] != nil, "\"message \(kind.rawValue)\" is missing")
    }
    for kind in Dialect.MessageKind.allCases { try check(kind) }
  }

  private func need(_ condition: Bool, _ text: String) throws(ConfigurationError) {
    guard condition else { throw ConfigurationError(file: file, line: 0, text) }
  }

  private func needMeanings(_ list: Dialect.CodeList, _ meanings: [Dialect.Meaning]) throws(ConfigurationError) {
    for meaning in meanings {
      let codes = dialect.codes[list]
      let isThere = codes?.others == meaning || codes?.meanings.values.contains(meaning) == true
      try need(isThere, "\"codes \(list.rawValue) \(meaning.rawValue)\" is missing")
    }
  }

  /// Fills and encodes the message once, with values as long as they get.
  private func check(_ kind: Dialect.MessageKind) throws(ConfigurationError) {
    guard let template = dialect.messages[kind] else { return }
    var matched = Dialect.MatchFields.numbers.filter { dialect.match.contains($0.field) }.map(\.number)
    if kind == .signOn || kind == .signOff || kind == .echo { matched = [11] }
    for number in matched where !template.fields.contains(where: { $0.number == number }) {
      throw ConfigurationError(
        file: file, line: template.line, "message \(kind.rawValue) needs field \(number), by which answers are matched")
    }
    var composer = Composer(dialect: dialect)
    var message = Message()
    var bytes: [UInt8] = []
    do throws(CodecError) {
      _ = composer.fill(&message, template, kind: kind, sample, isRepeat: false, now: 1_795_000_000)
      try dialect.table.encode(message, into: &bytes)
    } catch {
      let line = template.fields.first { error.place == .field($0.number) || error.place == .length($0.number) }?.line
      throw ConfigurationError(file: file, line: line ?? template.line, "message \(kind.rawValue): \(error)")
    }
    guard bytes.count <= LengthHeader.largestMessage else {
      throw ConfigurationError(file: file, line: template.line, "message \(kind.rawValue) is too long")
    }
  }

  private var sample: Composer.Subject {
    var secrets = CardSecrets.empty
    for (index, digit) in "4111111111111111110".utf8.enumerated() { secrets.pan[index] = digit }
    (secrets.panLength, secrets.expiryYear, secrets.expiryMonth) = (19, 2_035, 12)
    for index in 0..<4 { secrets.securityCode[index] = UInt8(ascii: "1") }
    for index in 0..<2 { secrets.passwordDigits[index] = UInt8(ascii: "1") }
    for index in 0..<10 { secrets.payerIdentification[index] = UInt8(ascii: "1") }
    let original = OriginalElements(
      messageType: dialect.messages[.sale]?.type ?? 200, stan: 999_999, time: 1_795_000_000, acquirer: dialect.acquirer,
      retrieval: (0x3030_3030_3030_3030, 0x3030_3030), terminal: dialect.terminals.first ?? 0)
    return Composer.Subject(
      original: original, amount: Limits.amount.upperBound, currency: Currency(stored: 0x45_5552), instalments: 36,
      secrets: secrets, sale: original)
  }
}
