import Testing

@testable import Wire

/// Many frames, other protocols, and limits that are not the default.
@Suite struct DeframerTests {
  private func violation(_ bytes: [UInt8], maxLength: UInt32 = FrameLimits.defaultMaxLength) -> ProtocolViolation? {
    var deframer = Deframer(maxLength: maxLength)
    return bytes.withUnsafeBytes { bytes in
      if case .violation(let violation) = deframer.next(in: bytes) { return violation }
      return nil
    }
  }

  @Test func httpIsToldByName() {
    let text = violation(Array("GET /status HTTP/1.1\r\n".utf8))?.closeReason.text
    #expect(text == "these bytes look like HTTP; this port speaks countersign/1")
  }

  @Test func tlsInsideTLSIsToldByName() {
    let text = violation([0x16, 3, 1, 0, 0xc8, 1, 0, 0])?.closeReason.text
    #expect(text == "these bytes look like TLS inside TLS; this port speaks countersign/1")
  }

  @Test func metaOfAnIgnorableFrameEndsWithTheFrame() {
    var deframer = Deframer()
    let bytes: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0xA7, 0, 0xA7, 0xA7, 7]
    bytes.withUnsafeBytes { bytes in
      guard case .frame(let frame) = deframer.next(in: bytes) else {
        Issue.record("no frame")
        return
      }
      #expect(frame.meta.count == 1)
      #expect(frame.message.count == 0)
    }
  }

  @Test func httpAfterAFrameIsOnlyTooLarge() {
    let ping = FrameHeader(type: .cancel, stream: 1, metaLength: 0, messageLength: 0).encoded
    let bytes = ping + Array("GET / HTTP/1.1\r\n".utf8)
    var deframer = Deframer()
    bytes.withUnsafeBytes { all in
      guard case .frame(let frame) = deframer.next(in: all) else {
        Issue.record("no frame")
        return
      }
      guard case .violation(let found) = deframer.next(in: UnsafeRawBufferPointer(rebasing: all[frame.size...])) else {
        Issue.record("no violation")
        return
      }
      #expect(found.closeReason.reason == "FRAME_TOO_LARGE")
    }
  }

  @Test func manyFramesInOneReadAreFoundInOrder() {
    var bytes: [UInt8] = []
    for stream in stride(from: UInt32(1), to: 201, by: 2) {
      bytes += FrameHeader(type: .request, stream: stream, metaLength: 0, messageLength: 3).encoded + [1, 2, 3]
    }
    var deframer = Deframer()
    var streams: [UInt32] = []
    bytes.withUnsafeBytes { all in
      var start = 0
      while case .frame(let frame) = deframer.next(in: UnsafeRawBufferPointer(rebasing: all[start...])) {
        streams.append(frame.header.stream)
        start += frame.size
      }
    }
    #expect(streams == Array(stride(from: 1, to: 201, by: 2)))
  }

  @Test func aConfiguredLimitHoldsToTheByte() {
    let limit = FrameLimits.largestMaxLength
    let largest = FrameHeader(type: .request, stream: 1, metaLength: 0, messageLength: Int(limit)).encoded
    let tooLarge = FrameHeader(type: .request, stream: 1, metaLength: 0, messageLength: Int(limit) + 1).encoded
    #expect(violation(largest, maxLength: limit) == nil)
    #expect(violation(tooLarge, maxLength: limit) == .frameTooLarge(length: limit + 1, limit: limit))
  }

  @Test(arguments: UInt8.min...UInt8.max) func everyTypeIsKnownIgnorableOrRefused(_ type: UInt8) {
    let found = violation([0, 0, 0, 0, 0, 0, 0, 1, type, 0, 0, 0])
    switch type {
    case 2, 3, 4, 0x80...: #expect(found == nil)
    case 1, 5, 6: #expect(found == .illegalStream(FrameType(rawValue: type), 1))
    default: #expect(found == .unknownFrameType(type))
    }
  }

  @Test func noHeaderOfRandomBytesTraps() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let count = Int.random(in: 0...40, using: &random)
      var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      if count > 2, Bool.random(using: &random) { bytes[0...1] = [0, 0] }
      _ = violation(bytes)
    }
  }
}
