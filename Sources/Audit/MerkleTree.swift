import Bytes
import Cryptography

/// The right edge of a Merkle tree (RFC 6962 section 2.1) that grows leaf by leaf; one hash a leaf on average.
public struct MerkleFrontier: Sendable {
  /// Roots of the full subtrees, the largest first; their sizes are the bits of ``count``.
  private var subtrees: [Bytes32] = []
  public private(set) var count: UInt64 = 0

  public init() {}

  public mutating func append(_ leaf: Bytes32) {
    var node = leaf
    var rest = count
    while rest & 1 == 1 {
      node = MerkleTree.inner(subtrees.removeLast(), node)
      rest >>= 1
    }
    subtrees.append(node)
    count += 1
  }

  /// MTH of all leaves; of none it is SHA-256 of nothing.
  public var root: Bytes32 {
    guard var node = subtrees.last else { return SHA256.digest([]) }
    for left in subtrees.dropLast().reversed() { node = MerkleTree.inner(left, node) }
    return node
  }
}

/// Hashes and inclusion proofs of the Merkle tree of RFC 6962 section 2.1.
public enum MerkleTree {
  /// Most hashes of a proof: a tree of 2^63 leaves is deeper than any journal.
  public static let longestPath = 63

  /// Leaf hash of a record: SHA-256(0x00, record).
  public static func leaf(_ record: [UInt8]) -> Bytes32 {
    var hasher = SHA256Hasher()
    withUnsafeBytes(of: UInt8(0)) { hasher.update($0) }
    record.withUnsafeBytes { hasher.update($0) }
    return hasher.finish()
  }

  /// SHA-256(0x01, left, right).
  static func inner(_ left: Bytes32, _ right: Bytes32) -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: 65, alignment: 1) { node in
      node[0] = 0x01
      left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: node[1..<33]).copyMemory(from: $0) }
      right.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: node[33..<65]).copyMemory(from: $0) }
      return SHA256.digest(UnsafeRawBufferPointer(node))
    }
  }

  /// Inclusion proof of one leaf, the hash nearest to the leaf first (RFC 6962 section 2.1.1).
  ///
  /// - Parameter leaves: all leaf hashes of the tree; `index` is one of theirs.
  public static func path(of index: Int, in leaves: [Bytes32]) -> [Bytes32] {
    var path: [Bytes32] = []
    // Each level of the tree in turn; a node without a sibling goes up as it is.
    var (level, place) = (leaves, index)
    while level.count > 1 {
      let sibling = place ^ 1
      if sibling < level.count { path.append(level[sibling]) }
      level = stride(from: 0, to: level.count, by: 2).map {
        $0 + 1 < level.count ? inner(level[$0], level[$0 + 1]) : level[$0]
      }
      place >>= 1
    }
    return path
  }

  /// The root that a proof leads to (RFC 9162 section 2.1.3.2).
  ///
  /// - Returns: nil where the proof has too many or too few hashes for this place in a tree of this size.
  public static func root(leaf: Bytes32, index: UInt64, size: UInt64, path: [Bytes32]) -> Bytes32? {
    guard index < size else { return nil }
    var (place, last, node) = (index, size - 1, leaf)
    for sibling in path {
      guard last > 0 else { return nil }
      if place & 1 == 1 || place == last {
        node = inner(sibling, node)
        while place & 1 == 0, place > 0 {
          place >>= 1
          last >>= 1
        }
      } else {
        node = inner(node, sibling)
      }
      place >>= 1
      last >>= 1
    }
    return last == 0 ? node : nil
  }
}
