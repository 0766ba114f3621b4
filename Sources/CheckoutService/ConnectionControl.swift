import Bytes
import CountersignRPC
import Cryptography
import NetworkService
import Synchronization
import TLS

/// The certificates that connections are shown, and the end of those whose own certificate is revoked. Knows the server
/// once it listens.
final class ConnectionControl: Sendable {
  private let folder: DataFolder
  private let root: Certificate
  private let server = Mutex<RPCServer?>(nil)
  private let network = Mutex<NetworkService?>(nil)

  init(folder: DataFolder, root: Certificate) {
    self.folder = folder
    self.root = root
  }

  func use(_ server: RPCServer) { self.server.withLock { $0 = server } }
  func use(_ network: NetworkService) { self.network.withLock { $0 = network } }

  /// Reads certificate and key for the port of calls.
  ///
  /// - Throws: `FileError`, `SetupError` where they do not belong together, `TLSError` where TLS cannot use them.
  func callsContext() throws -> TLSContext {
    let (chain, key) = try folder.pair("tls/chain.pem", "tls/key.pem")
    return try .server(chain: chain, key: key, clientAnchors: [root], clientRoles: [.administrator, .company])
  }

  /// Reads certificate and key for the port of programs.
  ///
  /// - Throws: as ``callsContext()``.
  func programsContext() throws -> TLSContext {
    let (chain, key) = try folder.pair("tls/chain.pem", "tls/key.pem")
    return try .server(chain: chain, key: key, applicationProtocol: .http)
  }

  /// Reads certificate and key again and shows them to connections that come from now on; those that are open go on.
  ///
  /// - Throws: as ``callsContext()``; everything stays as it is then.
  func reload() throws {
    let (calls, programs) = (try callsContext(), try programsContext())
    server.withLock { $0 }?.use(calls)
    network.withLock { $0 }?.use(programs)
  }

  /// Connections that one of `certificates` authenticated get GOAWAY; open calls are finished, no new ones are taken.
  func end(certificates: [Bytes32]) async {
    let revoked = Set(certificates)
    guard !revoked.isEmpty, let server = server.withLock({ $0 }) else { return }
    await server.endConnections(
      ofRevoked: { peer in peer.certificates.first.map { revoked.contains($0.fingerprint) } ?? false })
  }
}
