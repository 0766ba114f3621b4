import FoundationEssentials
import Messages
import ProgramSupport

/// Card data from a person or from standard input; never from arguments, which other users could see.
enum CardInput {
  static func read() throws -> CardData {
    guard !Console.isInteractive else { return try ask() }
    var card = try decode(try Console.readInput(limit: 4_096))
    card.cardNumber = card.cardNumber.filter { $0 != " " && $0 != "-" }
    return card
  }

  private static func ask() throws -> CardData {
    var card = CardData()
    try ask("Card number", &card) { $0.cardNumber = $1.filter { $0 != " " && $0 != "-" } }
    try ask("Expiry (MM/YY)", &card) { card, text in
      let parts = text.split(separator: "/").map { UInt32($0) }
      guard parts.count == 2, let month = parts[0], let year = parts[1], year < 100 else {
        throw ProgramError(.input, "expiry: must be MM/YY, for example 12/30")
      }
      (card.expiryMonth, card.expiryYear) = (month, 2_000 + year)
    }
    try ask("First two digits of the password, or nothing", &card) { $0.passwordDigits = $1 }
    try ask("Security code, or nothing", &card) { $0.securityCode = $1 }
    try ask("Birth date YYMMDD or business number, or nothing", &card) { $0.payerIdentification = $1 }
    return card
  }

  /// Times that a person is asked for one field: after the third wrong answer something else is wrong.
  private static let tries = 3

  /// Asks for one field, and again where it is wrong: the customer is still on the telephone.
  private static func ask(
    _ question: String, _ card: inout CardData, taking: (inout CardData, String) throws -> Void
  ) throws {
    for attempt in 1...tries {
      var bytes = try HiddenPrompts.ask(question)
      defer { Console.erase(&bytes) }
      do {
        try taking(&card, String(decoding: bytes, as: UTF8.self))
        try PaymentCheck.checkBegun(card)
        return
      } catch let error as ProgramError where attempt < tries {
        HiddenPrompts.dropTypedAhead()
        Console.complain("\(error)")
      }
    }
  }

  /// The names are those of `countersign.v1.CardData`.
  private struct Card: Decodable {
    let cardNumber: String
    let expiryYear: Double
    let expiryMonth: Double
    let passwordDigits: String?
    let securityCode: String?
    let payerIdentification: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case cardNumber = "card_number"
      case expiryYear = "expiry_year"
      case expiryMonth = "expiry_month"
      case passwordDigits = "password_digits"
      case securityCode = "security_code"
      case payerIdentification = "payer_identification"
    }
  }

  private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Every key of the object, to refuse misspelt ones instead of losing them.
  private struct Keys: Decodable {
    let names: [String]
    init(from decoder: any Decoder) throws {
      names = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
    }
  }

  private static let known = Set(Card.CodingKeys.allCases.map(\.rawValue))

  static func decode(_ input: [UInt8]) throws -> CardData {
    var input = input
    defer { Console.erase(&input) }
    do {
      let names = try JSONDecoder().decode(Keys.self, from: Data(input)).names
      for name in known where repeats(name, in: input) {
        throw ProgramError(.input, "card JSON: \"\(name)\" stands twice; one value is wanted")
      }
      if let unknown = names.first(where: { !known.contains($0) }) {
        throw ProgramError(.input, "card JSON: \"\(unknown)\" is no field of a card; see pay --help")
      }
      let card = try JSONDecoder().decode(Card.self, from: Data(input))
      var message = CardData()
      message.cardNumber = card.cardNumber
      message.expiryYear = try number(card.expiryYear, "expiry_year")
      message.expiryMonth = try number(card.expiryMonth, "expiry_month")
      message.passwordDigits = card.passwordDigits ?? ""
      message.securityCode = card.securityCode ?? ""
      message.payerIdentification = card.payerIdentification ?? ""
      return message
    } catch let error as DecodingError {
      throw ProgramError(.input, "card JSON: \(explain(error))")
    }
  }

  /// Whether a key stands twice: the decoder would take one of its values and lose the other. Inside a value the closing
  /// quote would have a backslash before it.
  private static func repeats(_ name: String, in input: [UInt8]) -> Bool {
    let key = Array("\"\(name)\"".utf8)
    var found = 0
    for start in input.indices where input[start...].starts(with: key) {
      let next = input[(start + key.count)...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
      if next == UInt8(ascii: ":") { found += 1 }
    }
    return found > 1
  }

  private static func number(_ value: Double, _ field: String) throws -> UInt32 {
    guard let number = UInt32(exactly: value) else {
      throw ProgramError(.input, "card JSON: \(field) must be a whole number in its range; see pay --help")
    }
    return number
  }

  /// Names the field, never its value: the value may be card data.
  private static func explain(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context, _ last: String = "") -> String {
      let names = (context.codingPath.map(\.stringValue) + [last]).filter { !$0.isEmpty }
      return names.isEmpty ? "the document" : names.joined(separator: ".")
    }
    return switch error {
    case .keyNotFound(let key, let context): "\(path(context, key.stringValue)) is missing"
    case .typeMismatch(_, let context): "\(path(context)) has the wrong type; see pay --help"
    case .valueNotFound(_, let context): "\(path(context)) must not be null"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "is not one JSON object in UTF-8; see pay --help" : "\(path(context)) is out of range"
    @unknown default: "is not what pay --help describes"
    }
  }
}
