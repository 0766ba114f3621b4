import Payments
import Synchronization

/// Payments whose lookup pairs are being sorted, off the writer's thread, or wait to be written.
final class LookupRun: Sendable {
  /// Pairs of one chunk: a row of 3,840 bytes fills a page of SQLite.
  static let pairsOfChunk = 240
  /// Bytes of a pair: tagged hash (8, big-endian), number of the payment (8, big-endian).
  static let pairSize = 16

  /// A row of the table `lookup`.
  struct Chunk: Sendable {
    /// Tagged hash of the first pair.
    let first: Int64
    let body: [UInt8]
  }

  /// Not empty, by rising number.
  let entries: [LookupEntry]
  private let sorted = Mutex<[Chunk]?>(nil)

  /// Begins to sort.
  init(_ entries: [LookupEntry], key: LookupKey) {
    self.entries = entries
    Task.detached(priority: .utility) { [self] in
      let chunks = Self.chunks(of: entries, key: key)
      sorted.withLock { $0 = chunks }
    }
  }

  /// Nil while they are being sorted.
  var chunks: [Chunk]? { sorted.withLock { $0 } }

  /// What names the run: the number of its last payment.
  var number: Int64 { entries.last?.number ?? 0 }

  private static func chunks(of entries: [LookupEntry], key: LookupKey) -> [Chunk] {
    var pairs: [(hash: Int64, number: Int64)] = []
    pairs.reserveCapacity(entries.count * 3)
    var consultants: [Int64: Int64] = [:]
    for entry in entries {
      let consultant = consultants[entry.consultant] ?? key.hash(consultant: entry.consultant)
      consultants[entry.consultant] = consultant
      pairs.append((entry.withReference { key.hash(order: $0) }, entry.number))
      pairs.append((key.hash(card: entry.fingerprint), entry.number))
      pairs.append((consultant, entry.number))
    }
    pairs.sort { ($0.hash, $0.number) < ($1.hash, $1.number) }
    return stride(from: 0, to: pairs.count, by: pairsOfChunk).map { start in
      let part = pairs[start..<min(start + pairsOfChunk, pairs.count)]
      var body: [UInt8] = []
      body.reserveCapacity(part.count * pairSize)
      for pair in part {
        for number in [pair.hash, pair.number] {
          withUnsafeBytes(of: number.bigEndian) { body.append(contentsOf: $0) }
        }
      }
      return Chunk(first: part[start].hash, body: body)
    }
  }

  /// Numbers of the payments with this tagged hash and a higher number in a chunk's body; their order is kept.
  static func numbers(of hash: Int64, after number: Int64, in body: UnsafeRawBufferPointer) -> [Int64] {
    var pairs = 0..<body.count / pairSize
    // Pairs rise by hash, then by number: halved until the first one that is meant.
    while let middle = pairs.isEmpty ? nil : (pairs.lowerBound + pairs.upperBound) / 2 {
      if pair(middle, in: body) > (hash, number) {
        pairs = pairs.lowerBound..<middle
      } else {
        pairs = middle + 1..<pairs.upperBound
      }
    }
    return (pairs.lowerBound..<body.count / pairSize).lazy.map { pair($0, in: body) }.prefix { $0.hash == hash }
      .map(\.number)
  }

  private static func pair(_ index: Int, in body: UnsafeRawBufferPointer) -> (hash: Int64, number: Int64) {
    let start = index * pairSize
    return (
      Int64(bigEndian: body.loadUnaligned(fromByteOffset: start, as: Int64.self)),
      Int64(bigEndian: body.loadUnaligned(fromByteOffset: start + 8, as: Int64.self))
    )
  }
}
