import Audit
import Bytes
import Cryptography
import Testing

/// Trees and proofs against the recursive definitions of RFC 6962 section 2.1, written out here.
@Suite struct MerkleTreeTests {
  /// MTH(D[n]) over leaf hashes.
  private static func root(_ leaves: ArraySlice<Bytes32>) -> Bytes32 {
    guard leaves.count > 1 else { return leaves.first ?? SHA256.digest([]) }
    let split = leaves.startIndex + half(leaves.count)
    return inner(root(leaves[..<split]), root(leaves[split...]))
  }

  /// PATH(m, D[n]) over leaf hashes.
  private static func path(_ index: Int, _ leaves: ArraySlice<Bytes32>) -> [Bytes32] {
    guard leaves.count > 1 else { return [] }
    let count = half(leaves.count)
    let split = leaves.startIndex + count
    return index < count
      ? path(index, leaves[..<split]) + [root(leaves[split...])]
      : path(index - count, leaves[split...]) + [root(leaves[..<split])]
  }

  /// The largest power of two below `count`.
  private static func half(_ count: Int) -> Int {
    var half = 1
    while half * 2 < count { half *= 2 }
    return half
  }

  private static func inner(_ left: Bytes32, _ right: Bytes32) -> Bytes32 {
    SHA256.digest([1] + left.bytes + right.bytes)
  }

  private static func leaves(_ count: Int) -> [Bytes32] { (0..<count).map { MerkleTree.leaf([UInt8($0 & 255)]) } }

  @Test func aLeafIsTheHashOfAZeroByteAndTheRecord() {
    #expect(MerkleTree.leaf([1, 2]) == SHA256.digest([0, 1, 2]))
  }

  @Test func theGrowingEdgeHasTheRootOfTheDefinition() {
    var edge = MerkleFrontier()
    for count in 0...70 {
      let leaves = Self.leaves(count)
      #expect(edge.root == Self.root(leaves[...]), "\(count) leaves")
      edge.append(MerkleTree.leaf([UInt8(count)]))
    }
  }

  @Test func everyProofIsThatOfTheDefinitionAndLeadsToTheRoot() {
    for count in 1...70 {
      let leaves = Self.leaves(count)
      let root = Self.root(leaves[...])
      for index in 0..<count {
        let path = MerkleTree.path(of: index, in: leaves)
        #expect(path == Self.path(index, leaves[...]), "\(index) of \(count)")
        #expect(
          MerkleTree.root(leaf: leaves[index], index: UInt64(index), size: UInt64(count), path: path) == root,
          "\(index) of \(count)")
      }
    }
  }

  @Test func aProofForAnotherPlaceSizeOrLengthDoesNotLeadToTheRoot() {
    for count in 2...33 {
      let leaves = Self.leaves(count)
      let root = Self.root(leaves[...])
      for index in 0..<count {
        let path = MerkleTree.path(of: index, in: leaves)
        func found(_ place: Int, _ size: Int, _ path: [Bytes32]) -> Bytes32? {
          MerkleTree.root(leaf: leaves[index], index: UInt64(place), size: UInt64(size), path: path)
        }
        for place in 0..<count where place != index { #expect(found(place, count, path) != root) }
        #expect(found(index, count, path + [root]) == nil)
        #expect(found(index, count, path.dropLast()) == nil)
        #expect(found(count, count, path) == nil)
        #expect(found(index, 0, path) == nil)
      }
    }
  }
}
