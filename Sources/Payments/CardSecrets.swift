import Glibc

/// Card data in clear, in memory only, from the opened seal to the acquirer's answer.
///
/// Never printed, never `Codable`; ``erase()`` zeroes it. PCI DSS 3.3 forbids storing password digits and security
/// code after authorisation.
public struct CardSecrets: Sendable, BitwiseCopyable {
  /// Digits as ASCII, the rest zero.
  public var pan: InlineArray<19, UInt8>
  public var panLength: UInt8
  /// Four digits, 2000 to 2099.
  public var expiryYear: UInt16
  public var expiryMonth: UInt8
  /// First two password digits as ASCII, or zero.
  public var passwordDigits: InlineArray<2, UInt8>
  /// Security code as ASCII, the rest zero.
  public var securityCode: InlineArray<4, UInt8>
  /// Birth date or business number as ASCII, the rest zero.
  public var payerIdentification: InlineArray<10, UInt8>

  /// Nothing in it.
  public static var empty: CardSecrets {
    CardSecrets(
      pan: .init(repeating: 0), panLength: 0, expiryYear: 0, expiryMonth: 0, passwordDigits: .init(repeating: 0),
      securityCode: .init(repeating: 0), payerIdentification: .init(repeating: 0))
  }

  public init(
    pan: InlineArray<19, UInt8>, panLength: UInt8, expiryYear: UInt16, expiryMonth: UInt8,
    passwordDigits: InlineArray<2, UInt8>, securityCode: InlineArray<4, UInt8>,
    payerIdentification: InlineArray<10, UInt8>
  ) {
    self.pan = pan
    self.panLength = panLength
    self.expiryYear = expiryYear
    self.expiryMonth = expiryMonth
    self.passwordDigits = passwordDigits
    self.securityCode = securityCode
    self.payerIdentification = payerIdentification
  }
}

extension CardSecrets {
  /// Zeroes everything, in a way that the optimiser keeps.
  public mutating func erase() {
    withUnsafeMutableBytes(of: &self) { bytes in
      if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
    }
  }
}

extension CardSecrets: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "CardSecrets(hidden)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
