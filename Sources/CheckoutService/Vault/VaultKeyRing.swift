import Bytes
import Cryptography
import Synchronization

/// The vault's unwrapped keys, shared by event loops and writer. A new data key is in force for a loop's next card.
final class VaultKeyRing: Sendable {
  private struct State {
    var keys: VaultKeys
    /// Each returns once its event loop has handed over all that it sealed before.
    var fences: [@Sendable () async -> Void] = []
  }

  private let state: Mutex<State>
  private let present: Atomic<UInt32>

  init(_ keys: VaultKeys) {
    state = Mutex(State(keys: keys))
    present = Atomic(keys.version)
  }

  /// Version of the data key that new cards are sealed under. Read for each payment.
  var version: UInt32 { present.load(ordering: .acquiring) }

  var fingerprint: SecretBytes { state.withLock { $0.keys.fingerprint } }

  /// What a stored card is found by: the first 16 bytes of HMAC-SHA256 over the whole PAN.
  func fingerprint(of pan: UnsafeRawBufferPointer) -> Bytes16 {
    HMACSHA256.authenticate(pan, key: fingerprint).first
  }

  /// All data keys, by version.
  var versions: [UInt32] { state.withLock { $0.keys.data.keys.sorted() } }

  func key(_ version: UInt32) -> SecretBytes? { state.withLock { $0.keys.data[version] } }

  /// Puts a new data key in force.
  func use(_ key: SecretBytes, version: UInt32) {
    state.withLock { $0.keys.add(key, version: version) }
    present.store(version, ordering: .releasing)
  }

  func addFence(_ fence: @escaping @Sendable () async -> Void) { state.withLock { $0.fences.append(fence) } }

  /// Waits until every card that event loops sealed under a former key is queued at the ledger.
  func fence() async { for fence in state.withLock({ $0.fences }) { await fence() } }
}
