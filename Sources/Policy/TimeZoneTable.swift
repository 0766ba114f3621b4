import Files

/// What a zone of the IANA time zone database says: how far local time is ahead of UTC at any moment.
///
/// Reads the compiled form (TZif) of the machine's own database instead of asking the C library, whose zone is one for
/// the whole process.
///
/// Source: RFC 9636, section 3.
public struct TimeZoneTable: Sendable, Equatable {
  /// Seconds since 1970-01-01T00:00:00Z at which the offset changes, rising.
  private let transitions: [Int64]
  /// Offset from each transition on, seconds east of UTC.
  private let offsets: [Int64]
  /// Offset before the first transition.
  private let first: Int64
  /// What holds after the last transition; nil: its offset goes on.
  private let rule: TimeZoneRule?

  public static let utc = TimeZoneTable(transitions: [], offsets: [], first: 0, rule: nil)

  private init(transitions: [Int64], offsets: [Int64], first: Int64, rule: TimeZoneRule?) {
    (self.transitions, self.offsets, self.first, self.rule) = (transitions, offsets, first, rule)
  }

  /// Seconds that local time is ahead of UTC.
  ///
  /// - Parameter time: seconds since 1970-01-01T00:00:00Z.
  public func offset(at time: Int64) -> Int64 {
    guard let last = transitions.last, time < last else { return rule?.offset(at: time) ?? offsets.last ?? first }
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= time { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : offsets[low - 1]
  }
}

// MARK: - Files

extension TimeZoneTable {
  /// Where Debian's tzdata puts the database.
  static let folder = "/usr/share/zoneinfo"

  /// Reads a zone of this machine's database.
  ///
  /// - Parameter name: for example "Asia/Seoul".
  /// - Returns: nil where there is no such zone.
  public init?(named name: String) {
    guard Self.isName(name), let bytes = try? Files.read("\(Self.folder)/\(name)", limit: 1 << 16) else { return nil }
    self.init(bytes)
  }

  /// Letters, digits, '_', '+' and '-' between slashes: nothing that leads out of the folder.
  private static func isName(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return name.utf8.count <= 64
      && parts.allSatisfy { part in
        !part.isEmpty
          && part.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
              UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"):
              true
            default: false
            }
          }
      }
  }

  /// Reads a TZif file of version 2 or later.
  ///
  /// - Returns: nil where the bytes are none.
  init?(_ bytes: [UInt8]) {
    guard let old = Header(bytes, at: 0), bytes[4] >= UInt8(ascii: "2"),
      let header = Header(bytes, at: Header.size + old.dataSize(timeSize: 4))
    else { return nil }
    let times = header.start + Header.size
    let end = times + header.dataSize(timeSize: 8)
    guard end <= bytes.count else { return nil }
    let indices = times + header.timeCount * 8
    let types = indices + header.timeCount
    let offsets = (0..<header.typeCount).map { Self.integer(bytes, types + $0 * 6, 4) }
    guard let first = offsets.first,
      (indices..<types).allSatisfy({ Int(bytes[$0]) < offsets.count }),
      offsets.allSatisfy({ abs($0) <= 26 * 3_600 })
    else { return nil }
    let transitions = (0..<header.timeCount).map { Self.integer(bytes, times + $0 * 8, 8) }
    guard zip(transitions, transitions.dropFirst()).allSatisfy(<) else { return nil }
    guard case let footer = bytes[end...], footer.count >= 2, footer.first == 0x0A, footer.last == 0x0A else {
      return nil
    }
    let text = footer.dropFirst().dropLast()
    let rule = TimeZoneRule(Array(text))
    guard text.isEmpty || rule != nil else { return nil }
    self.init(
      transitions: transitions, offsets: (indices..<types).map { offsets[Int(bytes[$0])] }, first: first, rule: rule)
  }

  private static func integer(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64 {
    let value = bytes[start..<start + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return count == 8 ? Int64(bitPattern: value) : Int64(Int32(truncatingIfNeeded: value))
  }

  /// The six counts that stand before the data, each at most 65,536 since the file is not longer.
  private struct Header {
    static let size = 44
    let start: Int
    private let counts: [Int]

    init?(_ bytes: [UInt8], at start: Int) {
      guard bytes.count - start >= Self.size, Array(bytes[start..<start + 4]) == Array("TZif".utf8) else { return nil }
      self.start = start
      counts = (0..<6).map { Int(TimeZoneTable.integer(bytes, start + 20 + $0 * 4, 4)) }
      guard counts.allSatisfy({ (0...65_536).contains($0) }) else { return nil }
    }

    var timeCount: Int { counts[3] }
    var typeCount: Int { counts[4] }

    func dataSize(timeSize: Int) -> Int {
      timeCount * (timeSize + 1) + typeCount * 6 + counts[5] + counts[2] * (timeSize + 4) + counts[1] + counts[0]
    }
  }
}
