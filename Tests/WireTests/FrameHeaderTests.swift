import Testing

@testable import Wire

@Suite struct FrameHeaderTests {
  @Test func isTwelveBytesBigEndian() {
    let header = FrameHeader(
      type: .request, flags: .ack, stream: 0x0102_0305, metaLength: 0x0607, messageLength: 0x01_0000)
    #expect(header.encoded == [0, 1, 6, 7, 1, 2, 3, 5, 2, 1, 6, 7])
  }

  @Test func isReadAsWritten() {
    let header = FrameHeader(type: .goAway, stream: 0, metaLength: 300, messageLength: 0)
    let read = header.encoded.withUnsafeBytes { FrameHeader(reading: $0) }
    #expect(read == header)
  }

  @Test func everyCloseReasonIsShortEnoughForAPeer() {
    let violations: [ProtocolViolation] = [
      .foreignProtocol(.http), .foreignProtocol(.tls), .frameTooLarge(length: .max, limit: .max), .unknownFrameType(7),
      .metaTooLarge(.max), .metaBeyondFrame, .illegalStream(.request, 0), .illegalShape(.ping), .helloMissing(.ping),
      .helloRepeated, .wrongDirection(.response), .streamOutOfOrder(1, expected: 3), .cancelOfUnopenedStream(1),
      .responseToUnopenedStream(1), .responseRepeated(1), .goAwayRaised(1), .pingFlood, .truncatedFrame,
      .metaUndecodable(.hello), .helloInvalid, .helloTimeout, .frameTimeout, .outputUnread,
    ]
    for violation in violations {
      #expect(!violation.closeReason.reason.isEmpty)
      #expect(violation.closeReason.text.utf8.count <= CallLimits.maxStatusText)
    }
  }
}
