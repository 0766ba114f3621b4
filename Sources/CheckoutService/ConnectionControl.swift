import Bytes
import CountersignRPC
import Synchronization

/// Ends connections whose certificate is revoked. Knows the server once it listens.
final class ConnectionControl: Sendable {
  private let server = Mutex<RPCServer?>(nil)

  func use(_ server: RPCServer) { self.server.withLock { $0 = server } }

  /// Connections that one of `certificates` authenticated get GOAWAY; open calls are finished, no new ones are taken.
  func end(certificates: [Bytes32]) async {
    let revoked = Set(certificates)
    guard !revoked.isEmpty, let server = server.withLock({ $0 }) else { return }
    await server.endConnections { peer in peer.certificates.first.map { revoked.contains($0.fingerprint) } ?? false }
  }
}
