import NIOCore
import NIOEmbedded
import Testing

@testable import TLS

/// Plaintext in, records out, and back.
@Suite struct RecordTests {
  private func openPair() throws -> EmbeddedPair {
    let pair = try EmbeddedPair()
    try pair.exchange()
    return pair
  }

  /// Content lengths of the records in some ciphertext (RFC 8446 section 5.2).
  private func records(_ output: [ByteBuffer]) -> [Int] {
    var bytes = output.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    var lengths: [Int] = []
    while let header = bytes.readBytes(length: 5) {
      let length = Int(header[3]) << 8 | Int(header[4])
      bytes.moveReaderIndex(forwardBy: length)
      lengths.append(length - 17)
    }
    return lengths
  }

  @Test func writesUntilAFlushLeaveInOneRecordAndOneWrite() throws {
    let pair = try openPair()
    for byte in UInt8(0)..<100 { pair.client.channel.write(ByteBuffer(bytes: [byte]), promise: nil) }
    #expect(try pair.client.takeOutput().isEmpty)
    pair.client.channel.flush()
    let output = try pair.client.takeOutput()
    #expect(output.count == 1)
    #expect(records(output) == [100])
    pair.server.receive(output[0])
    #expect(pair.server.recorder.bytes == Array(0..<100))
  }

  @Test func aLargeWriteLeavesInFullRecordsAndOneWrite() throws {
    let pair = try openPair()
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    pair.client.write(bytes)
    let output = try pair.client.takeOutput()
    #expect(output.count == 1)
    #expect(records(output) == [16_384, 16_384, 16_384, 16_384, 16_384, 16_384, 1_696])
    pair.server.receive(output[0])
    #expect(pair.server.recorder.bytes == bytes)
  }

  @Test func recordsByteByByteArriveWhole() throws {
    let pair = try openPair()
    let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    pair.client.write(bytes)
    try pair.exchange(pieces: 1)
    #expect(pair.server.recorder.bytes == bytes)
  }

  @Test func whatIsWrittenDuringTheHandshakeFollowsIt() throws {
    let pair = try EmbeddedPair()
    let promise = pair.client.channel.embeddedEventLoop.makePromise(of: Void.self)
    pair.client.channel.writeAndFlush(ByteBuffer(bytes: [1, 2, 3]), promise: promise)
    try pair.exchange()
    #expect(pair.server.recorder.bytes == [1, 2, 3])
    try promise.futureResult.wait()
  }

  @Test func everyPromiseOfJoinedWritesSucceeds() throws {
    let pair = try openPair()
    let promises = (0..<3).map { _ in pair.client.channel.embeddedEventLoop.makePromise(of: Void.self) }
    for promise in promises { pair.client.channel.write(ByteBuffer(bytes: [1]), promise: promise) }
    pair.client.channel.flush()
    for promise in promises { try promise.futureResult.wait() }
    #expect(try pair.client.takeOutput().count == 1)
  }

  @Test func aChangedByteEndsTheConnectionAndHoldsBackItsRecord() throws {
    let pair = try openPair()
    pair.client.write([1, 2, 3])
    var output = Array(buffer: try pair.client.takeOutput()[0])
    output[output.count - 1] ^= 1
    pair.server.receive(ByteBuffer(bytes: output))
    #expect(pair.server.recorder.bytes.isEmpty)
    guard case .protocolError? = pair.server.recorder.tlsErrors.first else {
      Issue.record("got \(pair.server.recorder.errors)")
      return
    }
    #expect(!pair.server.channel.isActive)
  }

  @Test func whatCameBeforeABadRecordIsStillRead() throws {
    let pair = try openPair()
    pair.client.write([1])
    var output = try pair.client.takeOutput()[0]
    output.writeBytes([0x17, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20))
    pair.server.receive(output)
    #expect(pair.server.recorder.bytes == [1])
    #expect(pair.server.recorder.tlsErrors.count == 1)
  }

  @Test func httpInsteadOfTLSIsToldInWords() throws {
    let pair = try EmbeddedPair()
    pair.server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    let text = pair.server.recorder.errors.first.map { "\($0)" } ?? ""
    #expect(text.contains("http request"))
  }

  @Test func noRandomBytesTrap() throws {
    for _ in 0..<200 {
      let pair = try EmbeddedPair()
      let count = Int.random(in: 1...300)
      pair.server.receive(ByteBuffer(bytes: [0x16, 3, 1] + (0..<count).map { _ in UInt8.random(in: 0...255) }))
      #expect(pair.server.recorder.handshake == nil)
    }
  }
}
