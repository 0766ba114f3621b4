import NIOCore
import NIOEmbedded
import Testing

@testable import NetworkService
@testable import TLS

/// Bytes and times of requests, without sockets or clocks.
@Suite struct RequestGateTests {
  private let gate: RequestGate
  private let channel: EmbeddedChannel

  init() throws {
    gate = RequestGate()
    channel = EmbeddedChannel(handler: gate)
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    channel.pipeline.fireUserInboundEventTriggered(TLSHandshakeCompleted(peerChain: []))
  }

  private func wait(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  private func receive(_ count: Int) throws {
    try channel.writeInbound(ByteBuffer(repeating: UInt8(ascii: "x"), count: count))
  }

  private func answer() throws -> String? {
    try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
  }

  @Test func aConnectionWithoutARequestIsClosed() throws {
    wait(.seconds(29))
    #expect(channel.isActive)
    wait(.seconds(1))
    #expect(!channel.isActive)
    #expect(try answer() == nil)
  }

  @Test func aRequestThatComesTooSlowlyIsRefused() throws {
    try receive(10)
    for _ in 0..<9 {
      wait(.seconds(1))
      try receive(10)
    }
    #expect(channel.isActive)
    wait(.seconds(1))
    #expect(try answer()?.hasPrefix("HTTP/1.1 408 ") == true)
    #expect(!channel.isActive)
  }

  @Test func aRequestOfTooManyBytesIsRefused() throws {
    try receive(NetworkLimits.requestBytes)
    #expect(channel.isActive)
    try receive(1)
    #expect(try answer()?.hasPrefix("HTTP/1.1 431 ") == true)
    #expect(!channel.isActive)
  }

  @Test func aReaderThatTakesNothingIsCutOff() throws {
    try receive(10)
    gate.answering()
    wait(.seconds(29))
    gate.answering()
    wait(.seconds(29))
    #expect(channel.isActive)
    wait(.seconds(1))
    #expect(!channel.isActive)
  }

  @Test func eachRequestIsCountedByItself() throws {
    for _ in 0..<10 {
      try receive(NetworkLimits.requestBytes - 1)
      gate.answering()
      gate.wait()
    }
    #expect(channel.isActive)
  }

  @Test func aFloodDuringAnAnswerIsCutOff() throws {
    try receive(10)
    gate.answering()
    try receive(NetworkLimits.requestBytes)
    #expect(!channel.isActive)
    #expect(try answer() == nil)
  }
}

/// RFC 9110 section 5.6.7 and 13.1.2.
@Suite struct HTTPTextTests {
  @Test func aDateIsAsTheRFCWritesIt() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test(arguments: [
    ("*", true), ("TAG", true), ("W/TAG", true), ("\"other\", TAG", true), (" TAG ,\"x\"", true), ("\"other\"", false),
    ("", false), ("TAGx", false),
  ])
  func ifNoneMatchIsRead(_ field: String, _ isNamed: Bool) {
    let resource = Resource([1, 2, 3], "text/plain")
    var text = field
    if let place = text.firstRange(of: "TAG") { text.replaceSubrange(place, with: resource.entityTag) }
    #expect(resource.isNamed(by: [text]) == isNamed)
  }
}
