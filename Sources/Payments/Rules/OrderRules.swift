import Bytes

/// The order of a payment as it came, fields still unchecked. The pointers are valid only as long as the message.
public struct UncheckedOrder {
  public var idempotencyKey: UnsafeRawBufferPointer
  public var reference: UnsafeRawBufferPointer
  public var amount: UInt64
  public var currency: UnsafeRawBufferPointer
  public var instalmentMonths: UInt32
  /// Milliseconds since the login.
  public var notAfterMilliseconds: UInt64

  public init(
    idempotencyKey: UnsafeRawBufferPointer, reference: UnsafeRawBufferPointer, amount: UInt64,
    currency: UnsafeRawBufferPointer, instalmentMonths: UInt32, notAfterMilliseconds: UInt64
  ) {
    self.idempotencyKey = idempotencyKey
    self.reference = reference
    self.amount = amount
    self.currency = currency
    self.instalmentMonths = instalmentMonths
    self.notAfterMilliseconds = notAfterMilliseconds
  }
}

/// An order that keeps all rules; its reference is the checked bytes of ``UncheckedOrder/reference``. Trivial.
public struct CheckedOrder: Sendable, BitwiseCopyable, Equatable {
  public let key: Bytes16
  public let amount: UInt64
  public let currency: Currency
  public let instalments: UInt8
  /// Milliseconds since the login; may have passed already, which the recording transaction refuses.
  public let notAfterMilliseconds: Int64

  /// Allocates nothing on success.
  ///
  /// - Parameter sinceLogin: milliseconds since the login, now.
  /// - Throws: the first rule that is broken.
  public init(_ order: UncheckedOrder, sinceLogin: Int64) throws(FieldViolation) {
    guard let key = Bytes16(order.idempotencyKey) else { throw .keyLength }
    try OrderReference.check(order.reference)
    guard order.amount >= Limits.amount.lowerBound else { throw .amountZero }
    guard order.amount <= Limits.amount.upperBound else { throw .amountTooHigh }
    guard let currency = Currency(order.currency) else { throw .currencySyntax }
    guard Currencies.minorUnits(of: currency) != nil else { throw .currencyUnknown }
    guard order.instalmentMonths <= Limits.instalmentMonths else { throw .instalmentsTooLong }
    guard let notAfter = Int64(exactly: order.notAfterMilliseconds),
      notAfter <= sinceLogin + Limits.notAfterAheadMilliseconds
    else { throw .notAfterTooFar }
    self.key = key
    self.amount = order.amount
    self.currency = currency
    self.instalments = UInt8(order.instalmentMonths)
    self.notAfterMilliseconds = notAfter
  }
}

/// The company's own reference of an order: 1 to 64 bytes of UTF-8 without control characters and without a card number.
public enum OrderReference {
  public static func check(_ bytes: UnsafeRawBufferPointer) throws(FieldViolation) {
    guard bytes.count >= Limits.orderReference.lowerBound else { throw .referenceEmpty }
    guard bytes.count <= Limits.orderReference.upperBound else { throw .referenceTooLong }
    var index = 0
    var isASCII = true
    while index < bytes.count {
      guard let scalar = UTF8Scan.scalar(in: bytes, at: &index) else { throw .referenceNotUTF8 }
      guard !isControl(scalar) else { throw .referenceControlCharacter }
      isASCII = isASCII && scalar < 0x80
    }
    guard isASCII ? !CardNumberScan.holdsCardNumber(bytes) : !holdsCardNumber(bytes) else {
      throw .referenceHoldsCardNumber
    }
  }

  /// The same search where the text is not ASCII alone: a card number may be written with digits of another width or
  /// script, or with spaces that ASCII does not have.
  private static func holdsCardNumber(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var plain = InlineArray<64, UInt8>(repeating: 0)
    var (index, count) = (0, 0)
    while index < bytes.count, let scalar = UTF8Scan.scalar(in: bytes, at: &index) {
      plain[count] = asASCII(scalar)
      count += 1
    }
    return withUnsafeBytes(of: plain) { CardNumberScan.holdsCardNumber(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }

  /// ASCII's digit or space for what means the same; a letter for everything else.
  private static func asASCII(_ scalar: UInt32) -> UInt8 {
    guard scalar >= 0x80 else { return UInt8(scalar) }
    let properties = Unicode.Scalar(scalar)?.properties
    if let value = properties?.numericValue, properties?.numericType == .decimal { return 0x30 + UInt8(value) }
    switch properties?.generalCategory {
    case .spaceSeparator, .dashPunctuation, .otherPunctuation, .connectorPunctuation, .mathSymbol, .otherSymbol:
      return 0x20
    default: return 0x61
    }
  }

  /// C0, DEL and C1, and the characters that change the direction or layout of the text around them.
  private static func isControl(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0...0x1F, 0x7F...0x9F, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    default: false
    }
  }
}

/// UTF-8 (RFC 3629) one scalar at a time, without making a `String`.
enum UTF8Scan {
  /// Reads the scalar at `index` and moves on; nil where the bytes are not valid UTF-8.
  static func scalar(in bytes: UnsafeRawBufferPointer, at index: inout Int) -> UInt32? {
    let first = bytes[index]
    index += 1
    if first < 0x80 { return UInt32(first) }
    let (continuations, lowest): (Int, UInt32)
    var scalar: UInt32
    switch first {
    case 0xC2...0xDF: (continuations, lowest, scalar) = (1, 0x80, UInt32(first & 0x1F))
    case 0xE0...0xEF: (continuations, lowest, scalar) = (2, 0x800, UInt32(first & 0x0F))
    case 0xF0...0xF4: (continuations, lowest, scalar) = (3, 0x1_0000, UInt32(first & 0x07))
    default: return nil
    }
    guard bytes.count - index >= continuations else { return nil }
    for _ in 0..<continuations {
      let byte = bytes[index]
      guard byte & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
      index += 1
    }
    guard scalar >= lowest, scalar <= 0x10_FFFF, !(0xD800...0xDFFF).contains(scalar) else { return nil }
    return scalar
  }
}
