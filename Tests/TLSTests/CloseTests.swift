import NIOCore
import NIOEmbedded
import Testing

@testable import TLS

/// Ends of connections: clean, half, cut, and late.
@Suite struct CloseTests {
  private func openPair() throws -> EmbeddedPair {
    let pair = try EmbeddedPair()
    try pair.exchange()
    return pair
  }

  @Test func aClosedOutputIsTheOthersEndOfInputAndTheOtherMayStillWrite() throws {
    let pair = try openPair()
    pair.client.write([1])
    pair.client.channel.close(mode: .output, promise: nil)
    try pair.exchange()
    #expect(pair.server.recorder.bytes == [1])
    #expect(pair.server.recorder.inputClosedCount == 1)
    pair.server.write([2, 3])
    try pair.exchange()
    #expect(pair.client.recorder.bytes == [2, 3])
    #expect(pair.client.recorder.errors.isEmpty)
  }

  @Test func theEndOfTCPAfterCloseNotifyIsNotToldAgain() throws {
    let pair = try openPair()
    pair.client.channel.close(mode: .output, promise: nil)
    try pair.exchange()
    pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(pair.server.recorder.inputClosedCount == 1)
    #expect(pair.server.recorder.errors.isEmpty)
  }

  @Test func bothOutputsClosedIsTheEnd() throws {
    let pair = try openPair()
    pair.client.channel.close(mode: .output, promise: nil)
    try pair.exchange()
    pair.server.channel.close(mode: .output, promise: nil)
    try pair.exchange()
    #expect(!pair.client.channel.isActive)
    #expect(!pair.server.channel.isActive)
    #expect(pair.client.recorder.errors.isEmpty && pair.server.recorder.errors.isEmpty)
  }

  @Test func writingAfterTheOutputIsClosedFails() throws {
    let pair = try openPair()
    pair.client.channel.close(mode: .output, promise: nil)
    let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
    pair.client.channel.writeAndFlush(ByteBuffer(bytes: [1]), promise: promise)
    #expect(throws: ChannelError.outputClosed) { try promise.futureResult.wait() }
  }

  @Test func whoHadItsTimeSinceTheOutputWasClosedGetsNoMore() throws {
    let pair = try openPair()
    pair.server.channel.close(mode: .output, promise: nil)
    try pair.exchange()
    let loop = pair.server.channel.embeddedEventLoop
    loop.advanceTime(by: .nanoseconds(TLSTimeouts().shutdown))
    pair.server.channel.close(promise: nil)
    loop.advanceTime(by: .nanoseconds(1))
    #expect(!pair.server.channel.isActive)
  }

  @Test func aCloseWaitsForTheOthersCloseNotify() throws {
    let pair = try openPair()
    let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
    pair.client.channel.close(promise: promise)
    #expect(pair.client.channel.isActive)
    try pair.exchange()
    pair.server.channel.close(promise: nil)
    try pair.exchange()
    #expect(!pair.client.channel.isActive)
    try promise.futureResult.wait()
  }

  @Test func aCloseThatIsNotAnsweredEndsByItself() throws {
    let pair = try openPair()
    let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
    pair.client.channel.close(promise: promise)
    pair.client.tick(.milliseconds(1_999))
    #expect(pair.client.channel.isActive)
    pair.client.tick(.milliseconds(1))
    #expect(!pair.client.channel.isActive)
    try promise.futureResult.wait()
  }

  @Test func anEndWithoutCloseNotifyIsAnError() throws {
    let pair = try openPair()
    pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    guard case .uncleanShutdown? = pair.server.recorder.tlsErrors.first else {
      Issue.record("got \(pair.server.recorder.errors)")
      return
    }
    #expect(pair.server.recorder.inputClosedCount == 0)
    #expect(!pair.server.channel.isActive)
  }

  @Test func aPeerThatSaysNothingIsCutAfterTheHandshakeTimeout() throws {
    let pair = try EmbeddedPair()
    pair.server.tick(.milliseconds(4_999))
    #expect(pair.server.channel.isActive)
    pair.server.tick(.milliseconds(1))
    guard case .handshakeTimeout? = pair.server.recorder.tlsErrors.first else {
      Issue.record("got \(pair.server.recorder.errors)")
      return
    }
    #expect(!pair.server.channel.isActive)
  }

  @Test func theHandshakeTimeoutEndsWithTheHandshake() throws {
    let pair = try openPair()
    pair.server.tick(.seconds(3_600))
    #expect(pair.server.channel.isActive)
  }

  @Test func aHandshakeCutAnywhereIsAnError() throws {
    let first = Array(buffer: try EmbeddedPair().client.takeOutput()[0])
    for count in stride(from: 1, to: first.count, by: 37) {
      let pair = try EmbeddedPair()
      pair.server.receive(ByteBuffer(bytes: first[..<count]))
      pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      #expect(pair.server.recorder.tlsErrors.count == 1)
      #expect(pair.server.recorder.handshake == nil)
    }
  }
}
