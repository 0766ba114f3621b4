import Bytes
import CountersignRPC
import Cryptography
import TLS
import Testing

@testable import CountersignClient

/// Which TLS certificate the service shows.
@Suite struct ShownCertificateTests {
  private static let days: Int64 = 61 * 86_400

  @Test func aRenewedCertificateIsShownToNewConnectionsAndOpenOnesGoOn() async throws {
    try await TestService.withKim { service, terminal in
      let root = terminal.rootFingerprint
      let before = try client(service, root, ahead: 0)
      let shownBefore = try await shown(before)
      // The last third of 90 days.
      service.clock.advanceWall(milliseconds: Self.days * 1_000)
      await service.keepHouse()
      let after = try client(service, root, ahead: Self.days)
      let shownAfter = try await shown(after)
      #expect(shownAfter.serial != shownBefore.serial)
      #expect(shownAfter.notAfter >= shownBefore.notAfter + Self.days - 1)
      #expect(try await shown(before).serial == shownBefore.serial, "the open connection was cut")
      await before.close()
      await after.close()
    }
  }

  /// A client whose clock is ahead, since the renewed certificate is not valid yet today.
  private func client(_ service: TestService, _ root: Bytes32, ahead: Int64) throws -> RPCClient {
    let verify = ServerVerification(rootFingerprint: root, dnsName: "localhost", role: .server)
    return RPCClient(
      host: "127.0.0.1", port: service.port, tls: try .client(verify: verify) { TLSContext.wallClock() + ahead })
  }

  private func shown(_ client: RPCClient) async throws -> Certificate {
    _ = try await client.call("/countersign.rpc.v1.Health/Check", [], options: .standard)
    return try #require(try await client.peerCertificates().first)
  }
}

extension Terminal {
  fileprivate var rootFingerprint: Bytes32 { trusted.rootFingerprint }
}
