import AcquirerSimulator
import Foundation
import Payments
import TestPrograms
import Testing

/// Source: docs/simulator.md, test cards.
@Suite struct CardTests {
  @Test(arguments: ["4111111111111111", "4000000000000002", "4000000000001009", "5555555555554444", "378282246310005"])
  func anyOtherCardIsApproved(card: String) throws {
    #expect(try Simulator().results(.sale, card: card) == [.approved])
  }

  @Test func anApprovalHasTheNumbersLastSixDigitsAndCode00() throws {
    let answer = try #require(Simulator().ask(.sale, 12_345_678, card: "4111111111111111").first)
    #expect(answer.approvalCode.text == "345678")
    #expect(answer.responseCode.text == "00")
    let short = try #require(Simulator().ask(.sale, 9, card: "4111111111111111").first)
    #expect(short.approvalCode.text == "000009")
  }

  @Test(arguments: [
    ("4000000000000515", "51"), ("4000000000000549", "54"), ("4000000000000051", "05"), ("4000000000000990", "99"),
    ("4000000000000010", "01"),
  ])
  func aDeclineHasTheCardsCode(card: String, code: String) throws {
    let answers = try Simulator().ask(.sale, 1, card: card)
    #expect(answers.map(\.result) == [.declined])
    #expect(answers.first?.responseCode.text == code)
    #expect(answers.first?.approvalCode == ApprovalCode.none)
  }

  @Test func card0900IsNotSent() throws {
    #expect(try Simulator().results(.sale, card: "4000000000009003") == [.notSent])
  }

  @Test func card0901IsNeverFound() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009011") == [])
    #expect(simulator.results(.inquiry) == [.notFound])
    #expect(simulator.results(.reversal) == [.notFound])
    #expect(simulator.results(.reversal) == [.notFound])
  }

  @Test func card0902IsToldByTheInquiryAndCanBeReversedOnce() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009029") == [])
    #expect(simulator.results(.inquiry) == [.approved])
    #expect(simulator.results(.reversal) == [.reversed])
    #expect(simulator.results(.inquiry) == [.notFound])
    #expect(simulator.results(.reversal) == [.notFound])
  }

  @Test func card0903IsApprovedAfterHalfASecond() throws {
    let (timer, sink) = (TestTimer(), TestSink())
    let simulator = try Simulator(timer: timer)
    simulator.start(sink)
    #expect(simulator.results(.sale, card: "4000000000009037") == [])
    #expect(timer.waits == [500])
    #expect(sink.answers.isEmpty)
    timer.fire()
    #expect(sink.answers.map(\.result) == [.approved])
    #expect(sink.answers.map(\.kind) == [.sale])
  }

  @Test func card0904IsReversedBecauseInquiriesTellNothing() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009045") == [])
    #expect(simulator.results(.inquiry) == [.unknown])
    #expect(simulator.results(.reversal) == [.reversed])
  }

  @Test func card0905LosesTheFirstReversal() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009052") == [])
    #expect(simulator.results(.inquiry) == [.unknown])
    #expect(simulator.results(.reversal) == [.unknown])
    #expect(simulator.results(.reversal) == [.reversed])
  }

  @Test func card0906RefusesReversals() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009060") == [])
    #expect(simulator.results(.reversal) == [.reversalRefused])
    #expect(simulator.results(.reversal) == [.reversalRefused])
  }

  @Test func card0907IsApprovedAfterItsFirstReversal() throws {
    let simulator = try Simulator()
    #expect(simulator.results(.sale, card: "4000000000009078") == [])
    #expect(simulator.results(.inquiry) == [.unknown])
    let answers = simulator.ask(.reversal, 17)
    #expect(answers.map(\.kind) == [.reversal, .sale])
    #expect(answers.map(\.result) == [.notFound, .approved])
    #expect(simulator.results(.reversal) == [.reversed])
  }

  @Test func theConfigurationIsWhatTheWriterSees() throws {
    let simulator = try Simulator(SimulatorConfiguration(answerTimeoutMilliseconds: 7, canInquire: false))
    #expect(simulator.answerTimeoutMilliseconds == 7)
    #expect(!simulator.canInquire)
  }

  /// Every card number in the document is one that the service would take.
  @Test func theDocumentsCardNumbersHaveRightCheckDigits() throws {
    let words = try String(contentsOfFile: Repository.path("docs/simulator.md"), encoding: .utf8).split { !$0.isNumber }
    let numbers = words.map(String.init).filter { $0.count == 16 }
    #expect(numbers.count >= 11)
    for number in numbers {
      let isRight = Array(number.utf8).withUnsafeBytes { CardNumberScan.hasValidCheckDigit($0) }
      #expect(isRight, "\(number)")
    }
  }
}
