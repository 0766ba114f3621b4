import Bytes
import Cryptography
import Files
import Glibc
import Payments

/// Looks in files for card numbers that must stand nowhere: as digits, as packed decimal, in base64 at each alignment,
/// and their middle digits alone. PCI DSS 3.3 and 3.5.
package struct CardScan: Sendable {
  /// How a number stands in a file.
  package enum Form: String, Sendable, CaseIterable {
    case digits
    case packed = "packed decimal"
    case base64
    case middle = "middle digits"
  }

  /// Where a number was found.
  package struct Finding: Sendable, Equatable {
    package let path: String
    /// Bytes from the file's begin.
    package let offset: Int64
    package let form: Form
    /// Which of the cards, from 0.
    package let card: Int
  }

  /// A number that is none.
  package struct WrongCard: Error, CustomStringConvertible {
    /// From 0.
    package let index: Int
    package let description: String
  }

  /// What is looked for.
  package struct Pattern: Sendable {
    package let bytes: [UInt8]
    package let form: Form
    package let card: Int
  }

  package let patterns: [Pattern]
  private static let chunk = 1 << 20

  /// - Parameter cards: numbers that ``CardNumber/check(_:)`` takes: what is mistyped would be found nowhere.
  package init(_ cards: [String]) throws(WrongCard) {
    for (index, card) in cards.enumerated() {
      if let problem = Self.problem(card) { throw WrongCard(index: index, description: problem.description) }
    }
    patterns = cards.enumerated().flatMap { Self.patterns($1, card: $0) }
  }

  private static func problem(_ card: String) -> FieldViolation? {
    Array(card.utf8).withUnsafeBytes { digits in
      do throws(FieldViolation) {
        try CardNumber.check(digits)
        return nil
      } catch {
        return error
      }
    }
  }

  private static func patterns(_ number: String, card: Int) -> [Pattern] {
    let digits = Array(number.utf8)
    let packed = digits.count.isMultiple(of: 2) ? [number] : ["0" + number, number + "F"]
    let encoded = (0..<3).map { shift -> [UInt8] in
      let text = Base64.encode([UInt8](repeating: 0x20, count: shift) + digits)
      // Whole characters of the number alone: without what it shares with its neighbours.
      return Array(text[((shift * 8 + 5) / 6)..<((shift + digits.count) * 8 / 6)])
    }
    var forms: [(Form, [UInt8])] = [(.digits, digits), (.middle, Array(digits[6..<digits.count - 4]))]
    forms += packed.compactMap { Hex.decode($0) }.map { (.packed, $0) } + encoded.map { (.base64, $0) }
    // Two middle digits stand everywhere.
    return forms.filter { $0.0 != .middle || $0.1.count >= 6 }.map { Pattern(bytes: $1, form: $0, card: card) }
  }

  /// Findings in one file, by place. A middle within a found number is not told again.
  ///
  /// - Throws: `FileError`.
  package func search(_ path: String) throws(FileError) -> [Finding] {
    let file = try OpenFile(path)
    let overlap = (patterns.map(\.bytes.count).max() ?? 1) - 1
    var findings: [Finding] = []
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk + overlap, alignment: 16)
    defer { room.deallocate() }
    var start: Int64 = 0
    while true {
      let count = try file.read(at: start, into: room)
      let isLast = count < room.count
      let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
      // What begins in the overlap is found in the next chunk.
      for found in search(bytes) where isLast || found.offset < Self.chunk {
        findings.append(
          Finding(path: path, offset: start + Int64(found.offset), form: found.pattern.form, card: found.pattern.card))
      }
      if isLast { break }
      start += Int64(Self.chunk)
    }
    return Self.withoutRepeats(findings)
  }

  private func search(_ bytes: UnsafeRawBufferPointer) -> [(offset: Int, pattern: Pattern)] {
    guard let base = bytes.baseAddress else { return [] }
    var found: [(offset: Int, pattern: Pattern)] = []
    for pattern in patterns {
      let end = bytes.count - pattern.bytes.count + 1
      var offset = 0
      while offset < end, let hit = memchr(base + offset, Int32(pattern.bytes[0]), end - offset) {
        let place = UnsafeRawPointer(hit) - base
        if memcmp(hit, pattern.bytes, pattern.bytes.count) == 0 { found.append((place, pattern)) }
        offset = place + 1
      }
    }
    return found
  }

  private static func withoutRepeats(_ findings: [Finding]) -> [Finding] {
    let whole = Set(findings.filter { $0.form == .digits }.map { [Int64($0.card), $0.offset] })
    return findings.filter { $0.form != .middle || !whole.contains([Int64($0.card), $0.offset - 6]) }
      .sorted { $0.offset < $1.offset }
  }

  /// Regular files below a folder, or the file itself; links are not followed.
  ///
  /// - Throws: `FileError`.
  package static func files(below path: String) throws(FileError) -> [String] {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw FileError(path: path, doing: "read", code: errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return [path]
    case S_IFDIR:
      var files: [String] = []
      for name in try Files.names(in: path, hidden: true) { files += try Self.files(below: "\(path)/\(name)") }
      return files
    default: return []
    }
  }
}
