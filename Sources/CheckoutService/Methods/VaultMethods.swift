import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments

/// Keys of the card vault. What changes them is asked for by one security officer and confirmed by another; a
/// confirmation whose act was cut off may be repeated.
///
/// Source: docs/security.md, "Card data"; PCI DSS 3.7.6.
extension AdminCalls {
  func getVault(_ request: GetVaultRequest, context: ServerContext) async throws -> VaultState {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      return try await vaultState()
    }
  }

  func rewrapKeys(_ request: RewrapKeysRequest, context: ServerContext) async throws -> KeyAct {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      // A key that cannot be had is found now and not when it is confirmed.
      if !request.place.isEmpty { _ = try newWrappingKey(at: request.place) }
      return try await requestKeyAct(.rewrap, place: request.place, by: acting)
    }
  }

  func rotateKeys(_ request: RotateKeysRequest, context: ServerContext) async throws -> KeyAct {
    try await refusals.journaling(.callRefused, context) {
      try await requestKeyAct(.rotate, by: try await acting(context))
    }
  }

  func confirmKeyAct(_ request: ConfirmKeyActRequest, context: ServerContext) async throws -> KeyAct {
    try await refusals.journaling(.callRefused, context) {
      let acting = try await acting(context)
      var row = try await confirm(Int64(clamping: request.number), by: acting)
      if row.result == nil {
        row.result = try await perform(row, by: acting.text)
        try await ledger.perform { [row] store in try store.updateKeyAct(row) }
      }
      return try await ledger.perform { [row, now = clock.wall()] store in try KeyAct(row, at: now, in: store) }
    }
  }

  private func requestKeyAct(
    _ kind: Payments.KeyActKind, place: String = "", by acting: ActingAdministrator
  ) async throws -> KeyAct {
    let now = clock.wall()
    return try await ledger.perform { store in
      // The same request again, whose answer was lost.
      let known = try store.waitingKeyActs(at: now).first {
        $0.kind == kind && $0.place == place && $0.requestedBy == acting.id && $0.confirmedBy == nil
      }
      if let known { return try KeyAct(known, at: now, in: store) }
      var row = KeyActRow(
        kind: kind, place: place, requestedBy: acting.id, time: now,
        confirmUntil: now + Limits.confirmationMilliseconds)
      row.id = try store.insertEvent(
        EventRow(kind: .keyAct, time: now, text: "\(row.requestText), by \(acting.text)"))
      try store.insertKeyAct(row)
      return try KeyAct(row, at: now, in: store)
    }
  }

  /// Records the confirmation; again by the same administrator it changes nothing.
  private func confirm(_ number: Int64, by acting: ActingAdministrator) async throws -> KeyActRow {
    let now = clock.wall()
    return try await ledger.perform { store in
      guard var row = try store.keyAct(id: number) else {
        let isOperation = try store.operation(id: number) != nil
        throw ServiceRefusal(isOperation ? .operationOtherKind : .operationNotFound, field: "number")
      }
      if row.confirmedBy == acting.id { return row }
      guard row.requestedBy != acting.id else { throw ServiceRefusal(.secondAdministratorRequired, field: "number") }
      guard row.confirmedBy == nil, now < row.confirmUntil else {
        throw ServiceRefusal(
          .operationNotWaiting, field: "number", description: "is \(KeyActState(row, at: now).name)")
      }
      if row.kind == .rotate, let rotation = try store.rotation(), !rotation.isFinished {
        throw ServiceRefusal(.rotationRunning)
      }
      row.confirmedBy = acting.id
      try store.updateKeyAct(row)
      try store.insertEvent(
        EventRow(kind: .keyAct, time: now, text: "\(row.kind.name) \(row.id) confirmed, by \(acting.text)"))
      return row
    }
  }

  /// - Returns: the act's result.
  private func perform(_ row: KeyActRow, by administrator: String) async throws -> UInt32 {
    switch row.kind {
    case .rewrap:
      let next = row.place.isEmpty ? nil : try newWrappingKey(at: row.place)
      let keys = try VaultKeys.rewrap(in: vault.folder, under: next, pin: vault.pin)
      let now = clock.wall()
      try await ledger.perform { store in
        _ = try store.insertEvent(EventRow(kind: .keysRewrapped, time: now, text: "\(keys) keys, by \(administrator)"))
      }
      return UInt32(clamping: keys)
    case .rotate:
      guard try await vault.rotator.rotate(by: administrator) else { throw ServiceRefusal(.rotationRunning) }
      return vault.ring.version
    }
  }

  private func newWrappingKey(at place: String) throws -> WrappingKey {
    do {
      return try WrappingKey.make(at: place, pin: vault.pin)
    } catch {
      throw ServiceRefusal(.invalidField, field: "place", description: "\(error)")
    }
  }

  private func vaultState() async throws -> VaultState {
    let now = clock.wall()
    let (rotation, last, waiting) = try await ledger.perform { store in
      let waiting = try store.waitingKeyActs(at: now).map { try KeyAct($0, at: now, in: store) }
      return (try store.rotation(), try store.lastPayment(), waiting)
    }
    var state = VaultState()
    state.keyVersion = vault.ring.version
    state.knownVersions = vault.ring.versions
    state.isRotating = rotation.map { !$0.isFinished } ?? false
    state.position = UInt64(clamping: rotation?.position ?? 0)
    state.cards = UInt64(clamping: rotation?.cards ?? 0)
    state.last = UInt64(clamping: last)
    state.place = try VaultKeys.place(in: vault.folder)
    state.waiting = waiting
    state.waitsFor = state.isRotating ? vault.rotator.waitsFor : ""
    return state
  }
}

/// What administrators' calls need of the vault.
struct VaultCare: Sendable {
  let folder: DataFolder
  let ring: VaultKeyRing
  let rotator: KeyRotator
  /// Of the token that holds the key-encryption key.
  let pin: SecretBytes?
}

extension KeyActState {
  fileprivate init(_ row: KeyActRow, at now: Int64) {
    self =
      if row.result != nil {
        .done
      } else if row.confirmedBy != nil {
        .confirmed
      } else {
        now < row.confirmUntil ? .requested : .expired
      }
  }

  fileprivate var name: String {
    switch self {
    case .requested: "REQUESTED"
    case .confirmed: "CONFIRMED"
    case .expired: "EXPIRED"
    case .done: "DONE"
    default: "UNKNOWN"
    }
  }
}

extension KeyAct {
  fileprivate init(_ row: KeyActRow, at now: Int64, in store: any Store) throws {
    self.init()
    number = UInt64(clamping: row.id)
    kind = row.kind == .rewrap ? .rewrap : .rotate
    state = KeyActState(row, at: now)
    place = row.place
    requestedBy = try store.administrator(id: row.requestedBy)?.name ?? ""
    confirmedBy = try row.confirmedBy.flatMap { try store.administrator(id: $0)?.name } ?? ""
    timeMs = UInt64(clamping: row.time)
    confirmUntilMs = UInt64(clamping: row.confirmUntil)
    result = row.result ?? 0
  }
}
