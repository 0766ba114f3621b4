/// The connections of one loop by place and generation, so that a late answer never reaches another connection.
struct ConnectionSlots<Connection: AnyObject> {
  private struct Slot {
    var connection: Connection?
    var generation: UInt64
  }

  private var slots: [Slot] = []
  /// Places without a connection.
  private var free: [UInt32] = []
  /// The generation of the next connection; never used twice.
  private var nextGeneration: UInt64 = 1

  var isEmpty: Bool { free.count == slots.count }
  var count: Int { slots.count - free.count }
  var all: [Connection] { slots.compactMap(\.connection) }

  /// Adds a connection to the loop with this index.
  mutating func insert(_ connection: Connection, loop: UInt32) -> ConnectionRef {
    let generation = nextGeneration
    nextGeneration += 1
    let slot = Slot(connection: connection, generation: generation)
    guard let place = free.popLast() else {
      slots.append(slot)
      return ConnectionRef(loop: loop, slot: UInt32(slots.count - 1), generation: generation)
    }
    slots[Int(place)] = slot
    return ConnectionRef(loop: loop, slot: place, generation: generation)
  }

  /// The connection; nil where it is gone.
  subscript(ref: ConnectionRef) -> Connection? {
    let place = Int(ref.slot)
    guard place < slots.count, slots[place].generation == ref.generation else { return nil }
    return slots[place].connection
  }

  /// Forgets a connection.
  mutating func remove(_ ref: ConnectionRef) {
    guard self[ref] != nil else { return }
    slots[Int(ref.slot)].connection = nil
    free.append(ref.slot)
  }
}
