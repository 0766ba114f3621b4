import Bytes

/// What names a sale to the acquirer for good: given out before the intent's COMMIT and kept in its row, so that an
/// inquiry or a reversal after a restart names the same sale. Trivial.
///
/// Source: ISO 8583, original data elements (1987: DE90, 1993: DE56).
public struct OriginalElements: Sendable, BitwiseCopyable, Hashable {
  /// Message type as four digits: 200 for 0200.
  public var messageType: UInt16
  /// DE11, 1 to 999,999.
  public var stan: UInt32
  /// Seconds since 1970-01-01T00:00:00Z; DE7, and DE12 and DE13, are made from it.
  public var time: Int64
  /// DE32, up to 11 digits.
  public var acquirer: DigitText
  /// DE37, up to 12 ASCII characters; the first eight, and the last four, first most significant, 0 where unused.
  public var retrieval: (head: UInt64, tail: UInt32) {
    get { (retrievalHead, retrievalTail) }
    set { (retrievalHead, retrievalTail) = newValue }
  }
  private var retrievalHead: UInt64
  private var retrievalTail: UInt32
  /// DE41, up to eight ASCII characters, first most significant.
  public var terminal: UInt64

  public init(
    messageType: UInt16, stan: UInt32, time: Int64, acquirer: DigitText, retrieval: (head: UInt64, tail: UInt32),
    terminal: UInt64
  ) {
    self.messageType = messageType
    self.stan = stan
    self.time = time
    self.acquirer = acquirer
    (retrievalHead, retrievalTail) = retrieval
    self.terminal = terminal
  }

  /// Digits with their leading zeros.
  public struct DigitText: Sendable, BitwiseCopyable, Hashable {
    public var value: UInt64
    public var count: UInt8
    public init(value: UInt64, count: UInt8) {
      self.value = value
      self.count = count
    }
  }
}

extension OriginalElements {
  /// Bytes as a store keeps them.
  public static let size = 43

  /// Message type (2), STAN (4), time (8), count and value of the acquirer's digits (1, 8), retrieval reference (12),
  /// terminal (8); numbers big-endian.
  public var stored: InlineArray<43, UInt8> {
    var bytes = InlineArray<43, UInt8>(repeating: 0)
    var place = 0
    func put(_ value: UInt64, _ count: Int) {
      for index in 0..<count {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(count - 1 - index)))
      }
      place += count
    }
    put(UInt64(messageType), 2)
    put(UInt64(stan), 4)
    put(UInt64(bitPattern: time), 8)
    put(UInt64(acquirer.count), 1)
    put(acquirer.value, 8)
    put(retrievalHead, 8)
    put(UInt64(retrievalTail), 4)
    put(terminal, 8)
    return bytes
  }

  /// - Returns: nil where `bytes` are not ``size`` bytes.
  public init?(stored bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.size else { return nil }
    var place = 0
    func take(_ count: Int) -> UInt64 {
      defer { place += count }
      return bytes[place..<place + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
    messageType = UInt16(truncatingIfNeeded: take(2))
    stan = UInt32(truncatingIfNeeded: take(4))
    time = Int64(bitPattern: take(8))
    let count = UInt8(truncatingIfNeeded: take(1))
    acquirer = DigitText(value: take(8), count: count)
    retrievalHead = take(8)
    retrievalTail = UInt32(truncatingIfNeeded: take(4))
    terminal = take(8)
  }
}

extension OriginalElements {
  /// DE41 as text.
  public var terminalText: String { asciiText(terminal, count: 8) }
  /// DE37 as text, or empty.
  public var retrievalText: String { asciiText(retrievalHead, count: 8) + asciiText(UInt64(retrievalTail), count: 4) }
}

extension OriginalElements: CustomStringConvertible {
  /// For people, for example "terminal T0000001, STAN 000017, reference 633209000017".
  public var description: String {
    let digits = String(stan)
    let stan = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    return "terminal \(terminalText), STAN \(stan)" + (retrievalText.isEmpty ? "" : ", reference \(retrievalText)")
  }
}

/// What a store knows of a sale that the acquirer must be asked about again.
public struct StoredSale: Sendable {
  /// Nil where the acquirer that charged it names no sales.
  public var original: OriginalElements?
  /// The card; opened by a ``CardOpener`` alone.
  public var card: StoredCard
  /// Idempotency key and company, to which the card's seal is bound.
  public var key: Bytes16
  public var company: Int64

  public init(original: OriginalElements?, card: StoredCard, key: Bytes16, company: Int64) {
    self.original = original
    self.card = card
    self.key = key
    self.company = company
  }
}

/// Opens stored cards for inquiries and reversals. Used by the writer's thread alone.
public protocol CardOpener: AnyObject {
  /// PAN and expiry; nothing else was stored. Nil where the seal does not open.
  func open(_ sale: StoredSale) -> CardSecrets?
}
