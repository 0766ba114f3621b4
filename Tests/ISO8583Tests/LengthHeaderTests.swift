import ISO8583
import Testing

/// Where messages end on a line.
@Suite struct LengthHeaderTests {
  private static let tpdu = LengthHeader.tpdu(destination: 0x0001, source: 0x0203)

  @Test(
    arguments: [
      (LengthHeader.binary2, [0, 3]), (.ascii4, Array("0003".utf8)), (tpdu, [0, 8, 0x60, 0, 1, 2, 3]),
    ] as [(LengthHeader, [UInt8])])
  func aMessageIsFoundBehindItsHeaderHoweverItTrickles(_ header: LengthHeader, _ bytes: [UInt8]) {
    var written: [UInt8] = []
    header.append(messageOf: 3, to: &written)
    #expect(written == bytes)
    let line = bytes + [7, 8, 9]
    for count in 0..<line.count {
      guard case .needMore(let needed) = Self.next(header, Array(line[..<count])) else {
        Issue.record("found in \(count) bytes")
        continue
      }
      #expect(needed > count)
    }
    #expect(Self.next(header, line + [1]) == .message(header.size..<header.size + 3))
  }

  @Test(
    arguments: [
      (LengthHeader.binary2, [0x20, 0x01], "length header: 8193 is more than 8192"),
      (.ascii4, Array("9999".utf8), "length header: 9999 is more than 8192"),
      (.ascii4, Array("00x1".utf8), "length header: is not a number"),
      (tpdu, [0, 4], "length header: 4 is less than a TPDU has"),
      (tpdu, [0, 8, 0x61, 0, 0, 0, 0], "TPDU: does not begin with 60"),
    ] as [(LengthHeader, [UInt8], String)])
  func aLineThatCannotBeReadIsAViolation(_ header: LengthHeader, _ bytes: [UInt8], _ words: String) {
    guard case .violation(let violation) = Self.next(header, bytes) else {
      Issue.record("no violation")
      return
    }
    #expect(violation.description == words)
  }

  @Test(arguments: [LengthHeader.binary2, .ascii4, tpdu]) func anEmptyMessageIsASignOfLife(_ header: LengthHeader) {
    let bytes = header == .ascii4 ? Array("0000".utf8) : [0, 0]
    #expect(Self.next(header, bytes) == .message(bytes.count..<bytes.count))
  }

  private static func next(_ header: LengthHeader, _ bytes: [UInt8]) -> LengthHeader.Found {
    bytes.withUnsafeBytes { header.next(in: $0) }
  }
}
