import Bytes
import Cryptography

/// A one-time token for enrolment: a secret, and the root that the terminal is to trust.
///
/// ```
/// 0          16                  48
/// | secret   | SHA-256(root DER) |
/// ```
/// As text: base32 (RFC 4648 section 6) without padding, 77 characters; small letters, spaces and hyphens are read too.
public struct EnrolmentToken: Sendable, Equatable {
  /// 16 random bytes; the service keeps only their SHA-256.
  public let secret: [UInt8]
  public let root: Bytes32

  /// A fresh token.
  public static func make(root: Bytes32) -> EnrolmentToken { EnrolmentToken(secret: randomBytes(16), root: root) }

  private init(secret: [UInt8], root: Bytes32) {
    self.secret = secret
    self.root = root
  }

  /// - Throws: ``TokenError`` that says what is wrong with the text.
  public init(parsing text: String) throws(TokenError) {
    var value: UInt32 = 0
    var bits = 0
    var bytes: [UInt8] = []
    var characters = 0
    for byte in text.utf8 where byte != UInt8(ascii: " ") && byte != UInt8(ascii: "-") {
      characters += 1
      guard characters <= Self.characters else { throw TokenError("the token is longer than 77 characters") }
      guard let digit = Self.digit(byte) else {
        throw TokenError("character \(characters) of the token is not one of A to Z and 2 to 7")
      }
      value = value << 5 | UInt32(digit)
      bits += 5
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(bits)))
        value &= 1 << UInt32(bits) - 1
      }
    }
    guard characters == Self.characters else {
      throw TokenError("the token has \(characters) characters instead of 77; was it cut off?")
    }
    guard value == 0, let root = Bytes32(Array(bytes[16...])) else {
      throw TokenError("the last character of the token is wrong")
    }
    self.init(secret: Array(bytes[..<16]), root: root)
  }

  /// The token as people pass it on; the only way in which it is ever shown.
  public var text: String {
    var value: UInt32 = 0
    var bits = 0
    var text = ""
    for byte in secret + root.bytes + [0] {
      value = value << 8 | UInt32(byte)
      bits += 8
      while bits >= 5, text.utf8.count < Self.characters {
        bits -= 5
        text.unicodeScalars.append(Unicode.Scalar(Self.alphabet[Int(value >> UInt32(bits) & 31)]))
      }
      value &= 0xff
    }
    return text
  }

  /// ceil(48 * 8 / 5).
  private static let characters = 77
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a")
    case UInt8(ascii: "2")...UInt8(ascii: "7"): byte - UInt8(ascii: "2") + 26
    default: nil
    }
  }
}

extension EnrolmentToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "EnrolmentToken(hidden)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What is wrong with a token's text.
public struct TokenError: Error, Sendable, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
