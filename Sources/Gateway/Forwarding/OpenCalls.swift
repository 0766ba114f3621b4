import CountersignRPC

/// Calls of one event loop that the service has not answered. Places are used again; a generation guards each use.
struct OpenCalls {
  struct Entry {
    let call: InLoopCall
    let method: ForwardedMethod
    let source: TerminalSource
    /// Where it was sent; nil only while it is being sent.
    var line: UpstreamLine?
    var stream: UInt32 = 0
    /// The terminal has its answer already, or is gone.
    var isAnswered = false
  }
  private struct Place {
    var generation: UInt32
    var entry: Entry?
  }

  private var places: [Place] = []
  private var free: [UInt32] = []

  var count: Int { places.count - free.count }

  /// - Returns: the tag: generation in the upper half, place in the lower.
  mutating func insert(_ entry: Entry) -> UInt64 {
    if let place = free.popLast() {
      let generation = places[Int(place)].generation &+ 1
      places[Int(place)] = Place(generation: generation, entry: entry)
      return UInt64(generation) << 32 | UInt64(place)
    }
    places.append(Place(generation: 0, entry: entry))
    return UInt64(places.count - 1)
  }

  /// The entry; nil where it was taken out. Setting changes one that is there.
  subscript(tag: UInt64) -> Entry? {
    get { place(of: tag).flatMap { places[$0].entry } }
    set { if let place = place(of: tag) { places[place].entry = newValue } }
  }

  mutating func remove(_ tag: UInt64) -> Entry? {
    guard let place = place(of: tag), let entry = places[place].entry else { return nil }
    places[place].entry = nil
    free.append(UInt32(place))
    return entry
  }

  /// Tags of calls that are not answered and whose time was over at `time`, monotonic nanoseconds.
  func overdue(at time: UInt64) -> [UInt64] {
    guard count > 0 else { return [] }
    return places.indices.compactMap { index in
      guard let entry = places[index].entry, !entry.isAnswered, entry.call.deadline <= time else { return nil }
      return UInt64(places[index].generation) << 32 | UInt64(index)
    }
  }

  private func place(of tag: UInt64) -> Int? {
    let place = Int(tag & 0xFFFF_FFFF)
    guard place < places.count, places[place].generation == UInt32(tag >> 32) else { return nil }
    return place
  }
}
