/// What stands before each message on a line, and so says where it ends.
public enum LengthHeader: Sendable, Equatable {
  /// Two bytes, big-endian: bytes that follow.
  case binary2
  /// Four ASCII digits: bytes that follow.
  case ascii4
  /// Two bytes, big-endian, then a transport protocol data unit of five bytes that the length counts: 60, destination
  /// and source (ISO 8583 over NII networks). What comes back has destination and source swapped.
  case tpdu(destination: UInt16, source: UInt16)

  /// Most bytes of one message; far more than a financial message has.
  public static let largestMessage = 8_192

  /// Bytes before a message.
  public var size: Int {
    switch self {
    case .binary2: 2
    case .ascii4: 4
    case .tpdu: 7
    }
  }

  /// Appends a header for a message of `count` bytes, which must be at most ``largestMessage``.
  public func append(messageOf count: Int, to output: inout [UInt8]) {
    switch self {
    case .binary2: Self.append(count, to: &output)
    case .ascii4: for divisor in [1_000, 100, 10, 1] { output.append(0x30 + UInt8(count / divisor % 10)) }
    case .tpdu(let destination, let source):
      Self.append(count + 5, to: &output)
      output.append(0x60)
      Self.append(Int(destination), to: &output)
      Self.append(Int(source), to: &output)
    }
  }

  private static func append(_ value: Int, to output: inout [UInt8]) {
    output.append(UInt8(truncatingIfNeeded: value >> 8))
    output.append(UInt8(truncatingIfNeeded: value))
  }

  /// What stands at the front of a line's input.
  public enum Found: Equatable, Sendable {
    /// At least so many bytes are needed to go on.
    case needMore(Int)
    /// A message in this range; the input goes on behind it. Empty: the peer says that it is there.
    case message(Range<Int>)
    /// The line cannot be read any further.
    case violation(Violation)
  }

  public enum Violation: Error, Sendable, Equatable, CustomStringConvertible {
    case lengthNotANumber
    case tooLong(Int)
    case tooShort(Int)
    case notATPDU

    public var description: String {
      switch self {
      case .lengthNotANumber: "length header: is not a number"
      case .tooLong(let count): "length header: \(count) is more than \(LengthHeader.largestMessage)"
      case .tooShort(let count): "length header: \(count) is less than a TPDU has"
      case .notATPDU: "TPDU: does not begin with 60"
      }
    }
  }

  /// Looks for the next message in what has come.
  public func next(in input: UnsafeRawBufferPointer) -> Found {
    let prefix = self == .ascii4 ? 4 : 2
    guard input.count >= prefix else { return .needMore(prefix) }
    var count = 0
    if self == .ascii4 {
      for byte in input.prefix(4) {
        guard byte &- 0x30 < 10 else { return .violation(.lengthNotANumber) }
        count = count * 10 + Int(byte - 0x30)
      }
    } else {
      count = Int(input[0]) << 8 | Int(input[1])
    }
    var start = prefix
    if case .tpdu = self, count > 0 {
      guard count >= 5 else { return .violation(.tooShort(count)) }
      guard input.count >= 7 else { return .needMore(7) }
      guard input[2] == 0x60 else { return .violation(.notATPDU) }
      start += 5
      count -= 5
    }
    guard count <= Self.largestMessage else { return .violation(.tooLong(count)) }
    guard input.count >= start + count else { return .needMore(start + count) }
    return .message(start..<start + count)
  }
}
