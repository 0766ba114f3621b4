/// Version of a program: three numbers, compared one after the other.
public struct ProgramVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let major: UInt32
  public let minor: UInt32
  public let patch: UInt32

  /// Reads `MAJOR.MINOR.PATCH`: decimal digits without leading zeros, each number below 2^32; nil: it is not that.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    var numbers: [UInt32] = []
    for part in parts {
      guard part.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        part == "0" || !part.hasPrefix("0"), let number = UInt32(part)
      else { return nil }
      numbers.append(number)
    }
    (major, minor, patch) = (numbers[0], numbers[1], numbers[2])
  }

  public var description: String { "\(major).\(minor).\(patch)" }

  public static func < (first: ProgramVersion, second: ProgramVersion) -> Bool {
    (first.major, first.minor, first.patch) < (second.major, second.minor, second.patch)
  }
}
