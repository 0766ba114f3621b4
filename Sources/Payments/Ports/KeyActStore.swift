/// Acts on the keys of the card vault: asked for by one security officer, confirmed by another.
public protocol KeyActStore: AnyObject {
  func insertKeyAct(_ row: KeyActRow) throws(StoreError)
  /// Writes what may change: who agreed and the result.
  func updateKeyAct(_ row: KeyActRow) throws(StoreError)
  func keyAct(id: Int64) throws(StoreError) -> KeyActRow?
  /// Those that nobody confirmed and whose time ends after `time`, and those that were confirmed and not done; by number.
  func waitingKeyActs(at time: Int64) throws(StoreError) -> [KeyActRow]
}

/// What can be done to the vault's keys. Raw values are stored.
public enum KeyActKind: UInt8, Sendable {
  /// A new key-encryption key.
  case rewrap = 1
  /// A new data key.
  case rotate = 2

  public var name: String {
    switch self {
    case .rewrap: "rewrap"
    case .rotate: "rotate"
    }
  }
}

/// An act on the vault's keys, as stored.
public struct KeyActRow: Sendable, Equatable {
  /// Number of the journal record of its request.
  public var id: Int64
  public var kind: KeyActKind
  /// Of a rewrap: where the new key-encryption key shall be. Empty: where the present one is.
  public var place: String
  /// Numbers of the administrators.
  public var requestedBy: Int64
  public var confirmedBy: Int64?
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z; not confirmed any more from then on.
  public var confirmUntil: Int64
  /// Keys wrapped, or the new data key's version; nil until it is done.
  public var result: UInt32?

  /// How the record of its request begins; who asked for it follows.
  public var requestText: String { "\(kind.name)\(place.isEmpty ? "" : " to \(place)") asked for" }

  public init(
    id: Int64 = 0, kind: KeyActKind, place: String = "", requestedBy: Int64, confirmedBy: Int64? = nil, time: Int64,
    confirmUntil: Int64, result: UInt32? = nil
  ) {
    self.id = id
    self.kind = kind
    self.place = place
    self.requestedBy = requestedBy
    self.confirmedBy = confirmedBy
    self.time = time
    self.confirmUntil = confirmUntil
    self.result = result
  }
}
