import ISO8583
import Payments

/// How one acquirer wants to be talked to: addresses, terminals, messages and what its codes mean. Read from a file, see
/// docs/iso8583.md.
public struct Dialect: Sendable {
  public struct Address: Sendable, Equatable {
    public var host: String
    public var port: UInt16
  }

  /// Paths are those of the configuration file's folder.
  public struct TLS: Sendable, Equatable {
    /// PEM certificates, one of which the acquirer's path must lead to.
    public var anchors: String
    /// Name that the acquirer's certificate must carry; nil: its address.
    public var name: String?
    /// PEM chain, leaf first, and key that are shown to the acquirer.
    public var chain: String?
    public var key: String?
  }

  /// Fields that tie an answer to its request, besides the class of the message.
  public struct MatchFields: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// DE7.
    public static let time = MatchFields(rawValue: 1)
    /// DE11.
    public static let stan = MatchFields(rawValue: 2)
    /// DE37.
    public static let retrieval = MatchFields(rawValue: 4)
    /// DE41.
    public static let terminal = MatchFields(rawValue: 8)
    static let numbers: [(number: Int, field: MatchFields)] = [
      (7, .time), (11, .stan), (37, .retrieval), (41, .terminal),
    ]
  }

  /// What the link sends.
  public enum MessageKind: String, Sendable, CaseIterable {
    case sale
    case reversal
    case inquiry
    case void
    case refund
    case signOn = "sign-on"
    case signOff = "sign-off"
    case echo
  }

  /// What an answer is about.
  public enum CodeList: String, Sendable, CaseIterable {
    case sale
    case reversal
    case inquiry
    case network
  }

  /// What a response code means.
  public enum Meaning: String, Sendable, CaseIterable {
    case approved
    case declined
    case reversed
    case notFound = "not-found"
    case refused
    /// The acquirer could not read the message: the configuration is wrong.
    case formatError = "format-error"
  }

  /// Codes of one kind of answer. What stands in no list means nothing: it settles no payment.
  public struct Codes: Sendable, Equatable {
    public var meanings: [ResponseCode: Meaning] = [:]
    /// Of every code that is not listed.
    public var others: Meaning?
    public subscript(code: ResponseCode) -> Meaning? { meanings[code] ?? others }
  }

  public var name = ""
  public var table: FieldTable
  public var addresses: [Address] = []
  /// Connections to each address.
  public var connections = 1
  public var tls: TLS?
  public var header = LengthHeader.binary2
  /// DE32.
  public var acquirer = OriginalElements.DigitText(value: 0, count: 0)
  /// DE41 of each terminal, first character most significant.
  public private(set) var terminals: [UInt64] = []
  /// Where a terminal stands in ``terminals``.
  private var places: [UInt64: Int] = [:]
  /// Seconds that local time is ahead of UTC.
  public var localOffset: Int64 = 0
  /// Seconds after local midnight at which the acquirer closes its day; until then a sale can be voided.
  public var cutOff: Int64 = 0
  /// Milliseconds after which a request counts as unanswered; also the acquirer's longest processing time.
  public var answerTimeout: Int64 = 15_000
  /// Milliseconds of silence on a connection after which it is tried with an echo.
  public var echoInterval: Int64 = 60_000
  /// Sales without an answer above which new ones are not sent.
  public var openLimit = 10_000
  public var match: MatchFields = [.time, .stan, .terminal]
  public var codes: [CodeList: Codes] = [:]
  public var messages: [MessageKind: Template] = [:]

  init(table: FieldTable) { self.table = table }

  /// - Returns: false where it is there already.
  mutating func add(terminal: UInt64) -> Bool {
    guard places[terminal] == nil else { return false }
    places[terminal] = terminals.count
    terminals.append(terminal)
    return true
  }

  func terminalIndex(_ terminal: UInt64) -> Int? { places[terminal] }
}

/// How a message is filled.
public struct Template: Sendable {
  /// One field: its values one behind the other. Left out where one that is not fixed is empty.
  public struct Field: Sendable {
    public var number: Int
    public var values: [Value]
    /// Line of the file.
    public var line: Int
  }

  /// Where a value comes from.
  public enum Value: Sendable, Equatable {
    case fixed([UInt8])
    case source(Source)
  }

  public enum Source: String, Sendable, CaseIterable {
    case pan
    case expiry
    case amount
    case currency
    case currencyLetters = "currency-letters"
    case instalments
    case stan
    case transmissionTime = "transmission-time"
    case localTime = "local-time"
    case localDate = "local-date"
    case localDateTime = "local-date-time"
    case retrieval
    case terminal
    case acquirer = "acquirer-id"
    case securityCode = "security-code"
    case passwordDigits = "password-digits"
    case payer
    /// DE90 of 1987: type, STAN, DE7, acquirer and forwarder of the sale; 42 digits.
    case original
    /// DE56 of 1993: type, STAN, DE12, acquirer of the sale; up to 35 digits.
    case original1993 = "original-1993"
  }

  public var type: UInt16
  /// Type of a message that is sent again; nil: the same.
  public var repeatType: UInt16?
  public var fields: [Field] = []
  /// Line of the file.
  public var line: Int
}
