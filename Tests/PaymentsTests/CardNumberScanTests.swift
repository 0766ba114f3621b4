import Payments
import Testing

@Suite struct CardNumberScanTests {
  @Test(arguments: ["79927398713", "4111111111111111", "378282246310005", "30569309025904", "6304000000000000", "0"])
  func oneCheckDigitInTenIsRight(number: String) {
    let body = number.dropLast()
    let right = (0...9).filter { isValid("\(body)\($0)") }
    #expect(right.map(String.init) == [number.suffix(1)].map(String.init))
  }

  @Test func noDigitsHaveNoCheckDigit() { #expect(!isValid("")) }

  @Test(arguments: [
    "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "order 4111111111111111 paid",
    "#4111111111111111.", "378282246310005", "000000000000", "no4111111111111111no", "1 4111111111111111",
    "4111111111111111-7", "99999999994111111111111111", "주문 4111111111111111", "4111 1111-1111 1111",
    "o4111/1111/1111/1111", "4111.1111.1111.1111", "4111_1111_1111_1111", "4111,1111:1111~1111",
    "4111  1111  1111  1111", "4111--1111--1111--1111", "4111 - 1111 / 1111 . 1111", "4111./1111./1111./1111",
  ])
  func aCardNumberIsFound(text: String) { #expect(holds(text)) }

  @Test(arguments: [
    "", "A-1001", "4111111111111112", "4111     1111     1111     1111", "41111111111", "2026-11-24",
    "4111 1111 1111", "4111é1111é1111é1111", "x-", "-", " 1 ",
  ])
  func whatIsNoneIsNotFound(text: String) { #expect(!holds(text)) }

  /// The rule once more, by trying every group that begins and ends where groups do.
  @Test func theScanFindsWhatTryingEverythingFinds() {
    var dice = Dice(seed: 2)
    let alphabet = Array("0123456789012345678901234567890123456789 -/_x".utf8)
    var (found, wrong) = (0, [String]())
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 10...40, using: &dice)).map { _ in alphabet.randomElement(using: &dice) ?? 0 }
      let expected = Self.naive(text)
      if expected { found += 1 }
      let answer = text.withUnsafeBytes { CardNumberScan.holdsCardNumber($0) }
      if answer != expected { wrong.append(String(decoding: text, as: UTF8.self)) }
    }
    #expect(wrong.prefix(3).isEmpty)
    #expect(found > 1_000)
  }

  private static func naive(_ text: [UInt8]) -> Bool {
    for start in text.indices {
      for end in start..<text.count {
        let part = text[start...end]
        guard isDigit(text[start]), isDigit(text[end]), hasFewSeparators(part) else { continue }
        let digits = part.filter(isDigit)
        guard (12...19).contains(digits.count), digits.withUnsafeBytes({ CardNumberScan.hasValidCheckDigit($0) }) else {
          continue
        }
        if isEdge(text, start, end) || hasLongGroup(text, around: start) { return true }
      }
    }
    return false
  }

  private static func isEdge(_ text: [UInt8], _ start: Int, _ end: Int) -> Bool {
    (start == 0 || !isDigit(text[start - 1])) && (end + 1 == text.count || !isDigit(text[end + 1]))
  }

  private static func hasFewSeparators(_ part: ArraySlice<UInt8>) -> Bool {
    part.allSatisfy { isDigit($0) || isSeparator($0) }
      && part.split(whereSeparator: isDigit).allSatisfy { $0.count <= 4 }
  }

  /// Whether the run of groups around `place` has a group of 20 digits or more: the longest piece of the text that has
  /// few separators between any two digits.
  private static func hasLongGroup(_ text: [UInt8], around place: Int) -> Bool {
    let low = (0...place).first { isDigit(text[$0]) && hasFewSeparators(text[$0...place]) } ?? place
    let high = (place..<text.count).last { isDigit(text[$0]) && hasFewSeparators(text[place...$0]) } ?? place
    return text[low...high].split { !isDigit($0) }.contains { $0.count >= 20 }
  }

  private static func isSeparator(_ byte: UInt8) -> Bool { " -/_".utf8.contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private func isValid(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { CardNumberScan.hasValidCheckDigit($0) }
  }
  private func holds(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { CardNumberScan.holdsCardNumber($0) }
  }
}
