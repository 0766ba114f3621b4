import MessageRuntime
import Testing

/// The numbers of the decoding rules: the last that is taken, the first that is refused.
@Suite struct LimitTests {
  typealias W = WireBytes

  @Test func depthEightIsTaken() throws {
    var tree = try Tree(decoding: W.tree(depth: 8))
    var depth = 1
    while let left = tree.left {
      tree = left
      depth += 1
    }
    #expect(depth == 8)
  }

  @Test func depthNineIsRefused() {
    let path = Array(repeating: "left", count: 8).joined(separator: ".")
    #expect(throws: DecodingFailure("is nested deeper than 8", field: path)) {
      try Tree(decoding: W.tree(depth: 9))
    }
  }

  @Test func depthTenThousandIsRefused() {
    #expect(throws: DecodingFailure.self) { try Tree(decoding: W.tree(depth: 10_000)) }
  }

  @Test func elementsOfAMapCountAsMessages() {
    var rules = DecodingRules.standard
    rules.depth = 2
    let bytes = W.field(12, W.field(1, "key") + W.field(2, []))
    #expect(throws: DecodingFailure("is nested deeper than 2", field: "by_string.value")) {
      try Maps(decoding: bytes, rules: rules)
    }
  }

  @Test func sixteenUnknownFieldsAreTaken() throws {
    #expect(try Tree(decoding: W.many(16, W.varintField(99, 1))) == Tree())
  }

  @Test func seventeenUnknownFieldsAreRefused() {
    #expect(throws: DecodingFailure("has more than 16 unknown fields")) {
      try Tree(decoding: W.many(17, W.varintField(99, 1)))
    }
  }

  @Test func aMillionUnknownFieldsAreRefused() {
    #expect(throws: DecodingFailure("has more than 16 unknown fields")) {
      try Tree(decoding: [UInt8](repeating: 0, count: 2_000_000).enumerated().map { $0.offset % 2 == 0 ? 0x78 : 1 })
    }
  }

  @Test func sixtyFourElementsAreTaken() throws {
    #expect(try Lists(decoding: W.many(64, W.field(14, ""))).stringValues.count == 64)
    #expect(try Lists(decoding: W.field(3, W.many(64, [1]))).int32Values.count == 64)
  }

  @Test func sixtyFiveElementsAreRefused() {
    #expect(throws: DecodingFailure("comes more than 64 times", field: "string_values")) {
      try Lists(decoding: W.many(65, W.field(14, "")))
    }
  }

  @Test func sixtyFivePackedElementsAreRefused() {
    #expect(throws: DecodingFailure("comes more than 64 times", field: "int32_values")) {
      try Lists(decoding: W.field(3, W.many(65, [1])))
    }
  }

  @Test func packedAndSingleElementsAreCountedTogether() {
    #expect(throws: DecodingFailure("comes more than 64 times", field: "int32_values")) {
      try Lists(decoding: W.field(3, W.many(64, [1])) + W.varintField(3, 1))
    }
  }

  @Test func oneFieldSixtyFiveTimesIsRefused() {
    #expect(throws: DecodingFailure("comes more than 64 times", field: "leaf")) {
      try Tree(decoding: W.many(65, W.varintField(4, 1)))
    }
  }

  @Test func twoHundredAndFiftySevenFieldsAreRefused() throws {
    let four = [1, 2, 3, 4, 5].flatMap { W.varintField($0 + 2, 1) }
    _ = try Scalars(decoding: W.many(51, four))
    #expect(throws: DecodingFailure("has more than 256 fields")) {
      try Scalars(decoding: W.many(52, four))
    }
  }

  /// 400 KiB of memory from 6 KiB of bytes, each of whose messages keeps the other limits.
  @Test func aMessageThatGrowsBeyondItsBudgetIsRefused() {
    let branches = W.many(60, W.field(3, W.many(60, W.field(3, []))))
    #expect(throws: DecodingFailure("does not fit the message's fields, or needs more than 262144 bytes")) {
      try Tree(decoding: branches)
    }
  }

  @Test func messageThatIsNotRepeatedIsRefusedTwice() {
    #expect(throws: DecodingFailure("comes twice", field: "left")) {
      try Tree(decoding: W.many(2, W.field(1, [])))
    }
  }

  @Test func lastOfAFieldThatComesTwiceHolds() throws {
    #expect(try Tree(decoding: W.varintField(4, 2) + W.varintField(4, 4)).leaf == 2)
  }

  @Test func signedStatementWithAnUnknownFieldIsRefused() {
    #expect(throws: DecodingFailure("has the unknown field 99")) {
      try Tree(decoding: W.varintField(99, 1), rules: .signed)
    }
  }

  @Test func signedStatementWithAFieldTwiceIsRefused() {
    #expect(throws: DecodingFailure("comes twice", field: "leaf")) {
      try Tree(decoding: W.many(2, W.varintField(4, 1)), rules: .signed)
    }
  }

  @Test func signedStatementWithAFieldTwiceInsideIsRefused() {
    #expect(throws: DecodingFailure("comes twice", field: "left.leaf")) {
      try Tree(decoding: W.field(1, W.many(2, W.varintField(4, 1))), rules: .signed)
    }
  }

  @Test func signedStatementWithTwoFieldsOfAOneofIsRefused() {
    #expect(throws: DecodingFailure("comes together with int32_value of the same oneof", field: "bool_value")) {
      try Choice(decoding: W.varintField(3, 1) + W.varintField(7, 1), rules: .signed)
    }
  }

  @Test func signedStatementMayRepeatARepeatedField() throws {
    #expect(try Tree(decoding: W.many(2, W.field(3, [])), rules: .signed).more.count == 2)
  }
}
