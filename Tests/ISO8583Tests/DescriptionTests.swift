import ISO8583
import TestPrograms
import Testing

/// What people and logs get to see of a message.
@Suite struct DescriptionTests {
  private static func message() -> Message {
    var message = Message(type: 200)
    message.set(2, "4111111111111111".utf8)
    message.set(4, "000000012900".utf8)
    message.set(14, "3512".utf8)
    message.set(35, "4111111111111111=3512".utf8)
    message.set(52, [1, 2, 3, 4, 5, 6, 7, 8])
    return message
  }

  @Test func aTableShowsMaskedNumbersAndHidesWhatIsNotClear() throws {
    let table = try Repository.table("dialects/iso8583-1987-ascii.fields")
    #expect(table.describe(Self.message()) == "0200 DE2=411111******1111 DE4=000000012900 DE14=(4) DE35=(21) DE52=(8)")
  }

  @Test func aShortNumberIsHiddenWhole() throws {
    let table = try Repository.table("dialects/iso8583-1987-ascii.fields")
    var message = Message(type: 200)
    message.set(2, "41111111111".utf8)
    #expect(table.describe(message) == "0200 DE2=(11)")
  }

  @Test func printingAMessageShowsNoContents() {
    let message = Self.message()
    var dumped = ""
    dump(message, to: &dumped)
    for text in ["\(message)", String(reflecting: message), dumped] {
      #expect(!text.contains("1111") && !text.contains("3512"))
      #expect(text.contains("0200"))
    }
  }

  @Test func anErasedMessageIsEmpty() {
    var message = Self.message()
    message.erase()
    #expect(message.fields.isEmpty && message[2] == nil)
  }
}
