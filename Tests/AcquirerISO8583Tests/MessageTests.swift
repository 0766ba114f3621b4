import ISO8583
import Payments
import Testing

@testable import AcquirerISO8583

/// What is sent, and what answers mean, without a socket.
@Suite struct MessageTests {
  /// 2026-11-28T09:05:07Z.
  private static let time: Int64 = 1_795_856_707
  private static let original = OriginalElements(
    messageType: 200, stan: 17, time: time, acquirer: .init(value: 12_345, count: 11),
    retrieval: (0x3633_3332_3039_3030, 0x3030_3137), terminal: 0x5430_3030_3030_3031)

  private static func subject(_ secrets: CardSecrets) -> Composer.Subject {
    Composer.Subject(
      original: original, amount: 12_900, currency: Currency(stored: 0x4B_5257), instalments: 3, secrets: secrets)
  }

  private static func fill(
    _ dialect: Dialect, _ kind: Dialect.MessageKind, _ secrets: CardSecrets, isRepeat: Bool = false, now: Int64 = time
  ) throws -> (message: Message, key: RequestKey) {
    var composer = Composer(dialect: dialect)
    var message = Message()
    let template = try #require(dialect.messages[kind])
    let key = composer.fill(
      &message, template, kind: kind, subject(secrets), isRepeat: isRepeat, now: now)
    return (message, key)
  }

  private static func texts(_ message: Message) -> [Int: String] {
    Dictionary(uniqueKeysWithValues: message.fields.map { ($0, message.text($0) ?? "") })
  }

  @Test func aSaleIsMarkedAsTelephoneOrderAndCarriesItsNames() throws {
    let secrets = AcquirerOperation.test(.sale, 1, nil).secrets
    let (message, _) = try Self.fill(try .example(), .sale, secrets, now: Self.time + 99)
    #expect(message.type == 200)
    #expect(
      Self.texts(message) == [
        2: "4111111111111111", 3: "000000", 4: "000000012900", 7: "1128090507", 11: "000017", 12: "180507", 13: "1128",
        14: "3512", 18: "4722", 22: "012", 25: "08", 32: "00000012345", 37: "633209000017", 41: "T0000001",
        42: "MERCHANT0000001", 48: "CV904", 49: "410", 61: "IN03", 62: "PW73",
      ])
  }

  /// Field 90 as ISO 8583:1987 lays it out: type, STAN, DE7, acquirer, forwarder.
  @Test func aReversalCarriesTheSalesElementsAndItsOwnTransmissionTime() throws {
    let secrets = AcquirerOperation.test(.reversal, 1, nil).secrets
    let (message, _) = try Self.fill(try .example(), .reversal, secrets, now: Self.time + 60)
    #expect(message.type == 420)
    let texts = Self.texts(message)
    #expect(texts[90] == "0200" + "000017" + "1128090507" + "00000012345" + "00000000000")
    #expect(texts[7] == "1128090607" && texts[11] == "000017" && texts[12] == "180507" && texts[37] == "633209000017")
    #expect(texts[48] == nil && texts[62] == nil)
    #expect(try Self.fill(try .example(), .reversal, secrets, isRepeat: true).message.type == 421)
  }

  /// Field 56 as ISO 8583:1993 lays it out: type, STAN, DE12, acquirer behind its length.
  @Test func aReversalOf1993NamesTheSaleInField56() throws {
    let secrets = AcquirerOperation.test(.reversal, 1, nil).secrets
    let (message, _) = try Self.fill(try .example("example-1993"), .reversal, secrets)
    #expect(message.type == 1_420)
    #expect(message.text(56) == "0200" + "000017" + "261128100507" + "11" + "00000012345")
  }

  @Test func withoutACardTheReversalGoesWithoutField2() throws {
    let (message, _) = try Self.fill(try .example(), .reversal, .empty)
    #expect(message[2] == nil && message[90] != nil)
  }

  @Test func theAnswersKeyIsTheRequestsWhateverFillsItsFieldsUp() throws {
    let dialect = try Dialect.example()
    let (message, key) = try Self.fill(dialect, .sale, .empty)
    var answer = Message(type: 210)
    for field in [7, 11, 37, 41] { answer.set(field, message[field] ?? []) }
    let reader = AnswerReader(dialect: dialect)
    #expect(reader.key(of: answer, isNetwork: false) == key)
    answer.set(37, "633209000018".utf8)
    #expect(reader.key(of: answer, isNetwork: false) != key)
    var composer = Composer(dialect: dialect)
    let saleKey = composer.saleKey(Self.original)
    #expect(saleKey == key)
  }

  @Test func aShortTerminalIsFoundBehindItsSpaces() throws {
    let dialect = try Dialect.example("example-1987", ["terminals": "terminals T1"])
    var answer = Message(type: 210)
    answer.set(41, "T1      ".utf8)
    #expect(AnswerReader(dialect: dialect).key(of: answer, isNetwork: false).terminal == dialect.terminals[0])
  }

  @Test(
    arguments: [
      (.sale, "00", .approved, nil), (.sale, "51", .declined, nil), (.sale, "30", .declined, .format),
      (.sale, "91", .unknown, .code), (.sale, "", .unknown, .code), (.inquiry, "00", .approved, nil),
      (.inquiry, "05", .declined, nil), (.inquiry, "25", .notFound, nil), (.inquiry, "51", .unknown, .code),
      (.inquiry, "30", .unknown, .code), (.reversal, "00", .reversed, nil), (.reversal, "25", .notFound, nil),
      (.reversal, "12", .reversalRefused, nil), (.reversal, "30", .reversalRefused, .format),
      (.reversal, "51", .unknown, .code),
    ] as [(AcquirerOperation.Kind, String, AcquirerAnswer.Result, Reading.Doubt?)])
  func codesMeanWhatTheirListSays(
    _ kind: AcquirerOperation.Kind, _ code: String, _ result: AcquirerAnswer.Result, _ doubt: Reading.Doubt?
  ) throws {
    var answer = Message(type: kind == .reversal ? 430 : 210)
    if !code.isEmpty { answer.set(39, code.utf8) }
    answer.set(38, "A1B2C3".utf8)
    let request = PendingRequest(kind: .payment(kind), payment: 7, amount: 12_900, connection: 1, deadline: 0)
    let reading = AnswerReader(dialect: try .example()).read(answer, to: request, kind)
    #expect(reading.answer.result == result && reading.doubt == doubt)
    #expect(reading.answer.payment == 7 && reading.answer.kind == kind && reading.answer.responseCode.text == code)
    #expect(reading.answer.approvalCode.text == (result == .approved ? "A1B2C3" : ""))
  }

  @Test(arguments: [("000000012900", AcquirerAnswer.Result.approved), ("000000006450", .otherAmount)])
  func anApprovalOfAnotherAmountIsNone(_ amount: String, _ result: AcquirerAnswer.Result) throws {
    var answer = Message(type: 210)
    answer.set(4, amount.utf8)
    answer.set(39, "00".utf8)
    let request = PendingRequest(kind: .payment(.sale), payment: 7, amount: 12_900, connection: 1, deadline: 0)
    let reading = AnswerReader(dialect: try .example()).read(answer, to: request, .sale)
    #expect(reading.answer.result == result)
    #expect(reading.doubt == (result == .approved ? nil : .amount))
  }

  @Test func everyCurrencyHasANumberOfItsOwn() {
    let numbers = Currencies.all.compactMap(CurrencyNumbers.number)
    #expect(numbers.count == Currencies.all.count)
    #expect(Set(numbers).count == numbers.count)
    #expect(CurrencyNumbers.number(of: Currency(stored: 0x45_5552)) == 978)
  }
}
