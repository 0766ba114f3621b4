/// Values by stream id: open addressing with linear probing. Stream ids rise by 2, so half of the id is a good hash.
/// No allocation once it has grown; empty tables hold no memory after `shrink`.
struct StreamTable<Value> {
  /// Odd ids; 0 marks a free place. Its count is 0 or a power of two and at least twice `count`.
  private var keys: [UInt32] = []
  /// As long as `keys`; set exactly where the key is not 0.
  private var values: [Value?] = []
  private(set) var count = 0

  private var mask: Int { keys.count - 1 }

  /// Adds a value.
  ///
  /// - Precondition: `stream` is odd and not in the table.
  mutating func insert(_ value: Value, for stream: UInt32) {
    if 2 * (count + 1) > keys.count { grow() }
    var place = Int(stream >> 1) & mask
    while keys[place] != 0 {
      precondition(keys[place] != stream, "a stream is opened once")
      place = (place + 1) & mask
    }
    keys[place] = stream
    values[place] = value
    count += 1
  }

  /// The value of a stream.
  subscript(stream: UInt32) -> Value? {
    place(of: stream).flatMap { values[$0] }
  }

  /// Replaces the value of a stream that is in the table.
  mutating func update(_ value: Value, for stream: UInt32) {
    guard let place = place(of: stream) else { preconditionFailure("only a value that is there is replaced") }
    values[place] = value
  }

  /// Takes a value out; nil where there is none.
  mutating func remove(_ stream: UInt32) -> Value? {
    guard var hole = place(of: stream) else { return nil }
    let value = values[hole]
    var place = (hole + 1) & mask
    while keys[place] != 0 {
      // Moves up what would no longer be found across the hole.
      let home = Int(keys[place] >> 1) & mask
      if (place - home) & mask >= (place - hole) & mask {
        keys[hole] = keys[place]
        values[hole] = values[place]
        hole = place
      }
      place = (place + 1) & mask
    }
    keys[hole] = 0
    values[hole] = nil
    count -= 1
    return value
  }

  /// All streams and values, in no order.
  var all: [(stream: UInt32, value: Value)] {
    zip(keys, values).compactMap { key, value in value.map { (key, $0) } }
  }

  /// Gives memory back where nothing is in the table.
  mutating func shrink() {
    guard count == 0, !keys.isEmpty else { return }
    keys = []
    values = []
  }

  private func place(of stream: UInt32) -> Int? {
    guard count > 0, stream != 0 else { return nil }
    var place = Int(stream >> 1) & mask
    while keys[place] != 0 {
      if keys[place] == stream { return place }
      place = (place + 1) & mask
    }
    return nil
  }

  private mutating func grow() {
    let old = all
    let size = max(16, keys.count * 2)
    keys = Array(repeating: 0, count: size)
    values = Array(repeating: nil, count: size)
    count = 0
    for (stream, value) in old { insert(value, for: stream) }
  }
}
