import CountersignRPC
import Ledger
import Messages
import Payments

/// Keys of the card vault.
extension AdminCalls {
  func getVault(_ request: GetVaultRequest, context: ServerContext) async throws -> VaultState {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      return try await vaultState()
    }
  }

  func rewrapKeys(_ request: RewrapKeysRequest, context: ServerContext) async throws -> RewrapKeysReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let keys = try VaultKeys.rewrap(in: vault.folder)
      let now = clock.wall()
      _ = try await ledger.perform { store in
        try store.insertEvent(EventRow(kind: .keysRewrapped, time: now, text: "\(keys) keys, by \(administrator)"))
      }
      var reply = RewrapKeysReply()
      reply.keys = UInt32(clamping: keys)
      return reply
    }
  }

  func rotateKeys(_ request: RotateKeysRequest, context: ServerContext) async throws -> VaultState {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      guard try await vault.rotator.rotate(by: administrator) else { throw ServiceRefusal(.rotationRunning) }
      return try await vaultState()
    }
  }

  private func vaultState() async throws -> VaultState {
    let (rotation, last) = try await ledger.perform { store in (try store.rotation(), try store.lastPayment()) }
    var state = VaultState()
    state.keyVersion = vault.ring.version
    state.knownVersions = vault.ring.versions
    state.isRotating = rotation.map { !$0.isFinished } ?? false
    state.position = UInt64(clamping: rotation?.position ?? 0)
    state.cards = UInt64(clamping: rotation?.cards ?? 0)
    state.last = UInt64(clamping: last)
    return state
  }
}

/// What administrators' calls need of the vault.
struct VaultCare: Sendable {
  let folder: DataFolder
  let ring: VaultKeyRing
  let rotator: KeyRotator
}
