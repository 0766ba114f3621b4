/// How one field travels: contents, encoding and length are independent of each other.
public struct FieldFormat: Sendable, Equatable {
  /// What a field may hold (ISO 8583, attribute column).
  public enum Content: String, Sendable, CaseIterable {
    /// Digits.
    case digits = "n"
    /// Letters and spaces.
    case letters = "a"
    case alphanumeric = "an"
    /// Anything from space upwards but DEL.
    case text = "ans"
    /// Track data: digits and the separator, "=" or "D".
    case track = "z"
    /// "C" or "D", then digits.
    case signed = "x+n"
    case binary = "b"
  }

  public enum Encoding: String, Sendable, CaseIterable {
    /// One byte a character.
    case ascii
    /// Two digits a byte; an odd one is filled up with a 0 on the left.
    case bcd
    /// Two digits a byte; an odd one is filled up with an F on the right.
    case bcdRight = "bcd-right"
    /// As it is.
    case binary
    /// Two hexadecimal digits a byte.
    case hex
  }

  /// How a length stands before a field.
  public enum Prefix: String, Sendable, CaseIterable {
    /// None: the length is fixed.
    case none = "-"
    case ll
    case lll
    case llBCD = "ll-bcd"
    case lllBCD = "lll-bcd"
    case llBinary = "ll-binary"
    case lllBinary = "lll-binary"

    /// Bytes of the prefix.
    public var size: Int {
      switch self {
      case .none: 0
      case .llBCD, .llBinary: 1
      case .ll, .lllBCD, .lllBinary: 2
      case .lll: 3
      }
    }

    /// Highest length that it can tell.
    public var limit: Int {
      switch self {
      case .none: .max
      case .ll, .llBCD: 99
      case .lll, .lllBCD: 999
      case .llBinary: 255
      case .lllBinary: 65_535
      }
    }
  }

  /// What may be shown of a field; nothing, unless the table says otherwise.
  public enum Visibility: String, Sendable, CaseIterable {
    case hidden
    /// First six and last four digits.
    case pan
    case clear
  }

  public var content: Content
  public var encoding: Encoding
  public var prefix: Prefix
  /// Length of a fixed field, else the longest one: characters, digits, or bytes where `content` is binary.
  public var length: Int
  public var visibility: Visibility
  /// For people.
  public var name: String

  public init(
    content: Content, encoding: Encoding, prefix: Prefix, length: Int, visibility: Visibility, name: String
  ) {
    self.content = content
    self.encoding = encoding
    self.prefix = prefix
    self.length = length
    self.visibility = visibility
    self.name = name
  }

  public var isFixed: Bool { prefix == .none }

  /// What is wrong with the combination; nil: nothing.
  public var contradiction: String? {
    switch (content, encoding) {
    case (.binary, .ascii), (.binary, .bcd), (.binary, .bcdRight): return "contents b need encoding binary or hex"
    case (.binary, _): break
    case (_, .binary), (_, .hex): return "encoding \(encoding.rawValue) needs contents b"
    case (.digits, _), (.track, _), (_, .ascii): break
    case (_, .bcd), (_, .bcdRight): return "encoding \(encoding.rawValue) needs contents n or z"
    }
    guard (1...999).contains(length) else { return "the length must be 1 to 999" }
    let counted = encoding == .hex ? length * 2 : length
    guard counted <= prefix.limit else { return "a prefix \(prefix.rawValue) cannot tell a length of \(counted)" }
    return nil
  }

  /// Whether a character may stand at a place of the field.
  @inline(__always)
  func allows(_ byte: UInt8, at index: Int) -> Bool {
    switch content {
    case .digits: Self.isDigit(byte)
    case .letters: Self.isLetter(byte) || byte == UInt8(ascii: " ")
    case .alphanumeric: Self.isLetter(byte) || Self.isDigit(byte) || byte == UInt8(ascii: " ")
    case .text: byte >= 0x20 && byte != 0x7F
    case .track: Self.isDigit(byte) || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "D")
    case .signed: index == 0 ? byte == UInt8(ascii: "C") || byte == UInt8(ascii: "D") : Self.isDigit(byte)
    case .binary: true
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
}
