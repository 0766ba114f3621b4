import Cryptography
import HTTPPost
import NIOCore
import NIOPosix

/// Asks OCSP responders by HTTP POST (RFC 6960 appendix A.1). The answer is not judged here.
public struct OCSPClient: Sendable {
  private let group: any EventLoopGroup

  public init(group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) { self.group = group }

  /// Sends a request and waits for the whole answer.
  ///
  /// - Parameters:
  ///   - request: DER of an OCSPRequest.
  ///   - timeout: milliseconds for everything, from looking the host's name up to the last byte.
  /// - Returns: the body of a 200 answer with the content type of OCSP.
  /// - Throws: `HTTPPostError`, or `CancellationError`.
  public func ask(_ address: OCSPAddress, _ request: [UInt8], timeout: Int64) async throws -> [UInt8] {
    let post = HTTPPost(
      host: address.host, port: address.port, path: address.path,
      headers: ["content-type": "application/ocsp-request", "accept": "application/ocsp-response"], timeout: timeout
    ) { head in
      // A redirect is such a status too: nobody but the configured host is asked.
      guard head.status == .ok else { return "HTTP status \(head.status.code)" }
      let type = head.headers.first(name: "content-type") ?? "none"
      guard type.prefix(while: { $0 != ";" && $0 != " " }).lowercased() != "application/ocsp-response" else {
        return nil
      }
      let shown = type.utf8.prefix(100).filter { $0 > 0x1f && $0 < 0x7f }
      return "content type \"\(String(decoding: shown, as: UTF8.self))\""
    }
    return try await post.send(request, on: group)
  }
}
