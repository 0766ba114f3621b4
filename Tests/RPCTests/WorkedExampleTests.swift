import Foundation
import TestPrograms
import Testing
import Wire

@testable import CountersignRPC

/// The call in hex of `proto/PROTOCOL.md`, against encoder and decoder.
@Suite struct WorkedExampleTests {
  @Test func theClientsHelloIsWhatAClientSends() throws {
    let frame = try example("client-hello")
    #expect(frame.header.type == .hello)
    let configuration = ConnectionConfiguration(program: "example/1.0")
    #expect(Meta.encodeHello(configuration, isServer: false) == frame.meta)
  }

  @Test func theServersHelloIsWhatAServerSends() throws {
    let frame = try example("server-hello")
    let hello = try Hello(decoding: frame.meta)
    #expect(hello.serverTimeMs == 1_795_490_487_000)
    let now = try Hello(
      decoding: Meta.encodeHello(ConnectionConfiguration(program: "countersign-server 1.0.0"), isServer: true))
    var sent = now
    sent.serverTimeMs = hello.serverTimeMs
    #expect(sent.encoded() == frame.meta)
  }

  @Test func theRequestIsWhatAClientSends() throws {
    let frame = try example("request")
    #expect(frame.header == FrameHeader(type: .request, stream: 1, metaLength: 39, messageLength: 25))
    let meta = Meta.encodeRequestHeader(method: Health.path, timeoutMicroseconds: 5_000_000, options: .standard)
    #expect(meta == frame.meta)
    #expect(try HealthCheckRequest(decoding: frame.message).service == "countersign.v1.Checkout")
  }

  @Test func theResponseHasNoMetaAndDecodes() throws {
    let frame = try example("response")
    #expect(frame.header == FrameHeader(type: .response, stream: 1, metaLength: 0, messageLength: 2))
    #expect(try HealthCheckReply(decoding: frame.message).status == .serving)
  }

  @Test func theRefusalIsReadAndWritten() throws {
    let frame = try example("refusal")
    #expect(frame.header == FrameHeader(type: .response, stream: 3, metaLength: 69, messageLength: 0))
    let read = try #require(frame.meta.withUnsafeBytes { Meta.decodeResponseHeader($0) })
    let status = try #require(read)
    #expect(status.code == .notFound)
    #expect(status.reason == "SERVICE_UNKNOWN")
    #expect(Meta.encodeResponseHeader(status) == frame.meta)
  }

  @Test func thePingComesBackWithTheFlag() throws {
    let ping = try example("ping")
    let answer = try example("ping-answer")
    #expect(ping.header == FrameHeader(type: .ping, stream: 0, metaLength: 0, messageLength: 8))
    #expect(answer.header == FrameHeader(type: .ping, flags: .ack, stream: 0, metaLength: 0, messageLength: 8))
    #expect(answer.message == ping.message)
  }
}

/// A frame of the document, taken apart.
private struct ExampleFrame {
  let header: FrameHeader
  let meta: [UInt8]
  let message: [UInt8]
}

/// Finds the block "```hex NAME" and deframes it: one whole frame and nothing behind it.
private func example(_ name: String) throws -> ExampleFrame {
  let text = try String(contentsOfFile: Repository.path("proto/PROTOCOL.md"), encoding: .utf8)
  let block = try #require(text.components(separatedBy: "```hex \(name)\n").dropFirst().first)
  let digits = try #require(block.components(separatedBy: "```").first)
  let bytes = try digits.split(whereSeparator: \.isWhitespace).map { try #require(UInt8($0, radix: 16)) }
  return try bytes.withUnsafeBytes { bytes in
    var deframer = Deframer()
    guard case .frame(let frame) = deframer.next(in: bytes) else { throw ExampleError() }
    #expect(frame.size == bytes.count)
    return ExampleFrame(header: frame.header, meta: Array(frame.meta), message: Array(frame.message))
  }
}

/// The block is not one whole legal frame.
private struct ExampleError: Error {}
