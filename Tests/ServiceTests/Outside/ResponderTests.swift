import CheckoutService
import CountersignRPC
import Cryptography
import Foundation
import Messages
import NIOCore
import NIOPosix
import TestOpenSSL
import Testing

@testable import CountersignClient

/// The service's own responder, asked by `openssl ocsp` and in raw HTTP. Source: docs/security.md, "OCSP responder".
@Suite struct ResponderTests {
  @Test func openSSLIsToldThatAConsultantsCertificateIsGood() async throws {
    try await Self.withResponder { responder in
      let text = try await responder.ask(["-cert", "kim.pem"])
      #expect(text.contains("Response verify OK") && text.contains("kim.pem: good"), "\(text)")
      #expect(!text.contains("no nonce in response"), "\(text)")
      #expect(text.contains("Next Update"), "\(text)")
    }
  }

  @Test(arguments: ["-sha1", "-sha256", "-sha384", "-sha512"])
  func anIssuerNamedByAnyOfTheseHashesIsKnown(_ digest: String) async throws {
    try await Self.withResponder { responder in
      let text = try await responder.ask([digest, "-cert", "kim.pem"])
      #expect(text.contains("kim.pem: good"), "\(text)")
    }
  }

  @Test func aRevocationIsToldAtOnce() async throws {
    try await Self.withResponder { responder in
      // Signed ahead, since no nonce is asked for.
      #expect(try await responder.ask(["-no_nonce", "-cert", "kim.pem"]).contains("kim.pem: good"))
      var request = RevokeRequest()
      request.target = .consultant(1)
      request.reason = .keyCompromise
      _ = try await responder.service.administrator().run { [request] in try await $0.revoke(request) }
      for nonce in ["-no_nonce", "-nonce"] {
        let text = try await responder.ask([nonce, "-cert", "kim.pem"])
        #expect(text.contains("kim.pem: revoked") && text.contains("keyCompromise"), "\(text)")
      }
    }
  }

  @Test func aSerialThatTheRegisterDoesNotKnowIsUnknown() async throws {
    try await Self.withResponder { responder in
      let text = try await responder.ask(["-serial", "0x1234"])
      #expect(text.contains("Response verify OK") && text.contains("0x1234: unknown"), "\(text)")
    }
  }

  @Test func aCertificateOfAnotherIssuerIsUnknown() async throws {
    try await Self.withResponder { responder in
      let national = try National.shared.get()
      try responder.openssl.write(national.ca.openssl.read("issuing.pem"), to: "other.pem")
      try responder.openssl.write(national.ca.openssl.read("kim.pem"), to: "other-kim.pem")
      let text = try await responder.ask(["-cert", "other-kim.pem"], issuer: "other.pem")
      #expect(text.contains("other-kim.pem: unknown"), "\(text)")
    }
  }

  @Test func severalCertificatesAreAnsweredTogether() async throws {
    try await Self.withResponder { responder in
      let text = try await responder.ask(["-cert", "kim.pem", "-cert", "acme.pem", "-serial", "7"])
      #expect(
        text.contains("kim.pem: good") && text.contains("acme.pem: good") && text.contains("7: unknown"), "\(text)")
    }
  }

  @Test func anAnswerWithoutANonceIsSignedAhead() async throws {
    try await Self.withResponder { responder in
      let request = try responder.request(nonce: nil)
      let first = try await responder.post(request)
      #expect(try await responder.post(request) == first)
      responder.service.clock.advanceWall(milliseconds: 31_000)
      #expect(try await responder.post(request) != first)
    }
  }

  @Test func aGETIsAnsweredLikeAPOST() async throws {
    try await Self.withResponder { responder in
      let request = try responder.request(nonce: nil)
      let text = Data(request).base64EncodedString()
      let answer = try await responder.post(request)
      let escaped = try #require(text.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
      for path in ["/\(escaped)", "/\(text.replacingOccurrences(of: "+", with: "%2B"))"] {
        let reply = try await responder.http("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(reply.head.hasPrefix("HTTP/1.1 200 OK\r\n") && reply.head.contains("cache-control: no-store"))
        #expect(reply.body == answer, "\(path)")
      }
    }
  }

  @Test func aConnectionServesSeveralRequests() async throws {
    try await Self.withResponder { responder in
      let body = try responder.request(nonce: nil)
      let head =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: \(body.count)\r\n"
      let one = Array("\(head)\r\n".utf8) + body
      let reply = try await responder.http(one + one + Array("\(head)Connection: close\r\n\r\n".utf8) + body)
      #expect(String(decoding: reply, as: UTF8.self).components(separatedBy: "HTTP/1.1 200 OK\r\n").count == 4)
    }
  }

  @Test(arguments: ["", "!!!!", "%", "%zz", "%3", "AAAA", "MEUwQ%0A", String(repeating: "A", count: 3_000)])
  func aGETThatHoldsNoRequestIsMalformed(_ path: String) async throws {
    try await Self.withResponder { responder in
      let reply = try await responder.http("GET /\(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.head.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(reply.head)")
      #expect(reply.body == OCSPFailure.malformedRequest.der)
      #expect(try await responder.ask(["-cert", "kim.pem"]).contains("kim.pem: good"))
    }
  }

  @Test func aPOSTThatIsCutOrLongerIsMalformed() async throws {
    try await Self.withResponder { responder in
      let request = try responder.request(nonce: randomBytes(32))
      for body in [[], Array(request.dropLast()), request + [0], [UInt8](repeating: 0x30, count: 5_000)] {
        #expect(try await responder.post(body) == OCSPFailure.malformedRequest.der)
      }
    }
  }

  @Test func aPOSTOfAMebibyteIsRefused() async throws {
    try await Self.withResponder { responder in
      let body = String(repeating: "0", count: 1 << 20)
      let reply = try await responder.http(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: \(1 << 20)\r\n\r\n\(body)"
      )
      #expect(reply.head.hasPrefix("HTTP/1.1 413 "), "\(reply.head)")
    }
  }

  @Test func anotherContentTypeIsRefused() async throws {
    try await Self.withResponder { responder in
      let reply = try await responder.http(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n0")
      #expect(reply.head.hasPrefix("HTTP/1.1 415 "), "\(reply.head)")
    }
  }

  @Test(arguments: ["PUT", "DELETE", "HEAD"]) func anotherMethodIsRefused(_ method: String) async throws {
    try await Self.withResponder { responder in
      let reply = try await responder.http("\(method) / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.head.hasPrefix("HTTP/1.1 405 ") && reply.head.contains("allow: GET, POST"), "\(reply.head)")
    }
  }

  @Test func whatIsNoHTTPIsCutAndOthersAreServed() async throws {
    try await Self.withResponder { responder in
      _ = try await responder.http("\u{16}\u{3}\u{1}\u{0}abc\r\n\r\n")
      #expect(try await responder.ask(["-cert", "kim.pem"]).contains("kim.pem: good"))
    }
  }

  @Test func issuedCertificatesTellTheConfiguredAddress() async throws {
    try await Self.withResponder { responder in
      let kim = try Certificate.fromPEM(responder.openssl.read("kim.pem"))[0]
      let acme = try Certificate.fromPEM(responder.openssl.read("acme.pem"))[0]
      #expect(kim.ocspAddresses == ["http://ocsp.test/status"] && acme.ocspAddresses == kim.ocspAddresses)
    }
  }

  @Test func anOutsideLoginBelievesThisResponderToo() async throws {
    // The service as somebody else's accredited authority: its delegate passes our own rules.
    try await Self.withResponder { responder in
      let kim = try Certificate.fromPEM(responder.openssl.read("kim.pem"))[0]
      let issuer = try Certificate.fromPEM(responder.openssl.read("issuing.pem"))[0]
      let question = OCSPQuestion(certificate: kim, issuer: issuer)
      let answer = try await responder.post(question.der(.sha256))
      try question.verify(answer, policy: OCSPPolicy(), at: Int64(Date().timeIntervalSince1970))
    }
  }

  // MARK: - Helpers

  /// A service with a responder, company Acme and consultant Kim, and their certificates in files for `openssl`.
  struct Running {
    let service: TestService
    let port: UInt16
    let openssl: OpenSSLCommand

    /// What `openssl ocsp` prints about our answer.
    ///
    /// On a thread of its own: the answer needs the tasks' threads.
    func ask(_ words: [String], issuer: String = "issuing.pem") async throws -> String {
      let url = "http://127.0.0.1:\(port)/status/"
      let all = ["ocsp", "-issuer", issuer] + words + ["-url", url, "-CAfile", "chain.pem", "-resp_text"]
      return try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { [openssl] in
          continuation.resume(with: Result { try openssl.run(all).text })
        }
      }
    }

    func request(nonce: [UInt8]?) throws -> [UInt8] {
      let kim = try Certificate.fromPEM(openssl.read("kim.pem"))[0]
      let issuer = try Certificate.fromPEM(openssl.read("issuing.pem"))[0]
      return try OCSPQuestion(certificate: kim, issuer: issuer, nonce: nonce).der(.sha1)
    }

    /// The body of the answer.
    func post(_ body: [UInt8]) async throws -> [UInt8] {
      let head =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: \(body.count)\r\n"
        + "Connection: close\r\n\r\n"
      return HTTPReply(try await http(Array(head.utf8) + body)).body
    }

    func http(_ text: String) async throws -> HTTPReply { HTTPReply(try await http(Array(text.utf8))) }

    /// Sends bytes and reads until the end.
    func http(_ bytes: [UInt8]) async throws -> [UInt8] {
      let group = MultiThreadedEventLoopGroup.singleton
      let reply = group.next().makePromise(of: [UInt8].self)
      let channel = try await ClientBootstrap(group: group)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Gathering(reply))
          }
        }
        .connect(host: "127.0.0.1", port: Int(port)).get()
      channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
      return try await reply.futureResult.get()
    }
  }

  private static func withResponder(_ body: (Running) async throws -> Void) async throws {
    let service = try TestService()
    try await service.start { configuration in
      configuration.ocspPort = 0
      configuration.ocspAddress = OCSPAddress("http://ocsp.test/status")
    }
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      let kim = try await service.enrol("kim", token: token, holding: "Acme")
      let openssl = try OpenSSLCommand()
      let chain = kim.consultantChain
      try openssl.write(chain[0].pem, to: "kim.pem")
      try openssl.write(chain[1].pem, to: "issuing.pem")
      try openssl.write(chain[1].pem + chain[2].pem, to: "chain.pem")
      try openssl.write(
        Certificate.fromPEM(Array(Data(contentsOf: URL(filePath: "\(service.root)/Acme.pem"))))[0].pem, to: "acme.pem")
      let port = try #require(service.server?.ocspPort)
      try await body(Running(service: service, port: port, openssl: openssl))
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
  }
}

/// An HTTP answer, cut in two.
struct HTTPReply {
  let head: String
  let body: [UInt8]

  init(_ bytes: [UInt8]) {
    let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
    head = String(decoding: bytes[..<(end?.upperBound ?? bytes.count)], as: UTF8.self)
    body = end.map { Array(bytes[$0.upperBound...]) } ?? []
  }
}

/// Gathers what comes until the end of a connection.
private final class Gathering: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let promise: EventLoopPromise<[UInt8]>
  private var bytes: [UInt8] = []

  init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
  }

  func channelInactive(context: ChannelHandlerContext) { promise.succeed(bytes) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.succeed(bytes)
    context.close(promise: nil)
  }
}
