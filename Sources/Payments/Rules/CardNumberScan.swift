/// Luhn's check (ISO/IEC 7812-1 annex B) and the search for card numbers in free text.
public enum CardNumberScan {
  /// Whether the last digit is the right check digit.
  ///
  /// - Parameter digits: ASCII digits only.
  public static func hasValidCheckDigit(_ digits: UnsafeRawBufferPointer) -> Bool {
    var sum = 0
    var doubled = false
    for index in stride(from: digits.count - 1, through: 0, by: -1) {
      sum += weight(digits[index], doubled: doubled)
      doubled.toggle()
    }
    return digits.count > 0 && sum % 10 == 0
  }

  /// Most separators between two groups.
  private static let largestGap = 4

  /// Whether `text` holds a card number: 12 to 19 digits that pass Luhn's check, in one group or in several with at
  /// most four spaces or other punctuation of ASCII between them.
  ///
  /// A number begins and ends where a group does; only in a group of 20 digits or more it may stand anywhere. One
  /// order number of twelve digits in ten passes Luhn's check by chance and is refused as well.
  public static func holdsCardNumber(_ text: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    while start < text.count {
      guard isDigit(text[start]) else {
        start += 1
        continue
      }
      let end = endOfRun(text, from: start)
      if runHoldsCardNumber(UnsafeRawBufferPointer(rebasing: text[start..<end])) { return true }
      start = end
    }
    return false
  }

  /// End of a run of digits with few separators between two of them.
  private static func endOfRun(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var end = start
    while end < text.count {
      if isDigit(text[end]) {
        end += 1
        continue
      }
      var next = end
      while next < text.count, next - end < largestGap, isSeparator(text[next]) { next += 1 }
      guard next > end, next < text.count, isDigit(text[next]) else { break }
      end = next
    }
    return end
  }

  /// Tries every window of 12 to 19 digits, from its last digit backwards.
  private static func runHoldsCardNumber(_ run: UnsafeRawBufferPointer) -> Bool {
    guard run.count >= Limits.cardNumberDigits.lowerBound else { return false }
    let anywhere = hasLongGroup(run)
    for last in stride(from: run.count - 1, through: 0, by: -1) where isDigit(run[last]) {
      guard anywhere || last + 1 == run.count || isSeparator(run[last + 1]) else { continue }
      var sum = 0
      var digits = 0
      var index = last
      while index >= 0, digits < Limits.cardNumberDigits.upperBound {
        if isDigit(run[index]) {
          sum += weight(run[index], doubled: digits & 1 == 1)
          digits += 1
          let isStart = anywhere || index == 0 || isSeparator(run[index - 1])
          if isStart, digits >= Limits.cardNumberDigits.lowerBound, sum % 10 == 0 { return true }
        }
        index -= 1
      }
    }
    return false
  }

  private static func hasLongGroup(_ run: UnsafeRawBufferPointer) -> Bool {
    var digits = 0
    for byte in run {
      digits = isDigit(byte) ? digits + 1 : 0
      if digits > Limits.cardNumberDigits.upperBound { return true }
    }
    return false
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// Space and the punctuation of ASCII.
  private static func isSeparator(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  private static func weight(_ byte: UInt8, doubled: Bool) -> Int {
    let digit = Int(byte) - Int(UInt8(ascii: "0"))
    guard doubled else { return digit }
    return digit > 4 ? 2 * digit - 9 : 2 * digit
  }
}
