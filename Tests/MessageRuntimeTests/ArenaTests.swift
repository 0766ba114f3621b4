import CTestMessages
import MessageRuntime
import Testing

/// Memory of messages.
@Suite struct ArenaTests {
  @Test func isUsedAgainAfterAReset() {
    let arena = Arena(capacity: 256)
    let first = arena.make(UInt64.self)
    arena.reset()
    #expect(arena.make(UInt64.self) == first)
  }

  @Test func givesAlignedMemoryInsideAndBeyondItsCapacity() {
    let arena = Arena(capacity: 64)
    for count in [1, 3, 17, 200, 5_000] {
      #expect(Int(bitPattern: arena.make(UInt8.self, count: count)) % 16 == 0)
    }
  }

  @Test func erasesSecrets() {
    let arena = Arena(capacity: 64)
    let memory = arena.text("4111111111111111")
    arena.reset(erasing: true)
    #expect((0..<16).allSatisfy { memory[$0] == 0 })
  }

  @Test func aStructStaysWhileAnotherMessageIsDecodedInTheSameArena() throws {
    var tree = Tree()
    tree.leaf = 7
    var names = Imported()
    names.name = String(repeating: "n", count: 300)
    let (outer, inner) = (tree.encoded(), names.encoded())
    let arena = Arena(capacity: 128)
    try outer.withUnsafeBytes { outer in
      try Tree.withDecoded(outer, in: arena) { tree in
        try inner.withUnsafeBytes { inner in
          try Imported.withDecoded(inner, in: arena) { #expect(String(decoded: $0.pointee.name) == names.name) }
        }
        #expect(tree.pointee.leaf == 7)
      }
    }
  }

  @Test func aMessageIsEncodedIntoAnArenaThatADecodedOneFilled() throws {
    let arena = Arena()
    let bytes = WireBytes.field(15, [UInt8](repeating: 1, count: 200_000))
    try bytes.withUnsafeBytes { bytes in
      try Scalars.withDecoded(bytes, in: arena) { _ in
        #expect(arena.bytes([UInt8](repeating: 2, count: 200_000)).len == 200_000)
      }
    }
  }
}
