import Foundation
import TestPrograms
import Testing

/// The card as a person types it, on a real terminal (`Tests/Python/answer_prompts.py`).
@Suite(.serialized) struct CardPromptTests {
  @Test func aWrongFieldIsAskedForAgainAtOnce() throws {
    let paid = try Self.pay(["4111 1111 1111 1112", "4111 1111 1111 1111", "1/2/3", "12/35", "", "12345", "123", ""])
    #expect(paid.status == 0, "\(paid)")
    let asked = ["Card number: ", "Expiry (MM/YY): ", "First two digits", "Security code", "Birth date"]
    let times = asked.map { paid.output.ranges(of: $0).count }
    #expect(times == [2, 2, 1, 2, 1], "\(paid.output)")
    let number = try #require(paid.output.firstRange(of: "card.card_number"))
    let expiry = try #require(paid.output.firstRange(of: "Expiry (MM/YY): "))
    #expect(number.lowerBound < expiry.lowerBound, "\(paid.output)")
    #expect(paid.output.contains("APPROVED") && !paid.output.contains("4111 1111"), "\(paid.output)")
  }

  @Test func afterThreeWrongAnswersNothingIsSent() throws {
    let paid = try Self.pay(["1", "2", "3"])
    #expect(paid.status == 65, "\(paid)")
    #expect(paid.output.ranges(of: "Card number: ").count == 3, "\(paid.output)")
  }

  private static func pay(_ answers: [String]) throws -> Program.Result {
    let desk = try Desk.shared.get()
    return try runProgram(
      Repository.debianPython,
      [Repository.path("Tests/Python/answer_prompts.py")] + answers + [
        "--", Program.folder.appendingPathComponent("countersign-terminal").path, "pay", "--order", "A-1", "--amount",
        "100", "--currency", "KRW",
      ], environment: desk.environment)
  }
}
