import Foundation
import ISO8583
import Logging
import Payments
import TestAcquirer
import TestPrograms
import Testing

@testable import AcquirerISO8583

/// A link and the independent host over a real line.
final class Link {
  let folder = TemporaryFolder()
  let host: HostProcess
  let sink = TestSink()
  let acquirer: ISO8583Acquirer

  init(
    _ example: String = "example-1987", _ changes: [String: String] = [:], host arguments: [String] = [],
    tls: (TemporaryFolder) throws -> (host: [String], dialect: String)? = { _ in nil }
  ) throws {
    let tls = try tls(folder)
    host = try HostProcess(
      folder: folder.path, arguments: arguments + (tls?.host ?? []))
    var changes = changes
    changes["address"] = "address localhost:\(host.port)\n" + (tls?.dialect ?? "")
    if changes["answer-timeout"] == nil { changes["answer-timeout"] = "answer-timeout 2000" }
    acquirer = try ISO8583Acquirer(
      .example(example, changes), stanFile: folder.path + "/stan", logger: Logger(label: "link"),
      wall: { Int64(Date().timeIntervalSince1970 * 1_000) })
    acquirer.start(sink)
  }

  func up() async throws { try await eventually("the link is up") { acquirer.isUp } }

  func name() throws -> OriginalElements {
    try #require(acquirer.nameSale(at: Int64(Date().timeIntervalSince1970 * 1_000)))
  }

  /// Hands over one operation; what is answered at once is given to the sink too.
  @discardableResult
  func ask(
    _ kind: AcquirerOperation.Kind, _ payment: Int64, card: String = "4111111111111111",
    _ original: OriginalElements? = nil, isRepeat: Bool = false
  ) throws -> OriginalElements {
    let original = try original ?? name()
    var answered: [AcquirerAnswer] = []
    acquirer.begin([.test(kind, payment, card: card, original, isRepeat: isRepeat)], answered: &answered)
    for answer in answered { sink.answer(answer) }
    return original
  }

  /// Asks and waits for so many answers to the payment.
  @discardableResult
  func results(
    _ kind: AcquirerOperation.Kind, _ payment: Int64, card: String = "4111111111111111",
    _ original: OriginalElements? = nil, isRepeat: Bool = false, count: Int = 1
  ) async throws -> [AcquirerAnswer.Result] {
    let before = sink.answers(to: payment).count
    try ask(kind, payment, card: card, original, isRepeat: isRepeat)
    try await eventually("\(count) answers") { sink.answers(to: payment).count >= before + count }
    return sink.answers(to: payment).dropFirst(before).map(\.result)
  }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct LinkTests {
  @Test(
    arguments: [
      ("example-1987", "iso8583-1987-ascii", "binary2", [:]),
      ("example-1993", "iso8583-1993-bcd", "tpdu", [:]),
      (
        "example-1987", "iso8583-1987-bcd", "ascii4",
        ["header": "header ascii4", "fields": "fields iso8583-1987-bcd.fields"]
      ),
      (
        "example-1993", "iso8583-1993-ascii", "binary2",
        ["header": "header binary2", "fields": "fields iso8583-1993-ascii.fields"]
      ),
    ] as [(String, String, String, [String: String])])
  func salesAndReversalsRunInEveryDialect(
    _ example: String, _ table: String, _ header: String, _ changes: [String: String]
  ) async throws {
    let link = try Link(
      example, changes, host: ["--fields", Repository.path("dialects/\(table).fields"), "--header", header])
    try await link.up()
    #expect(try await link.results(.sale, 1) == [.approved])
    #expect(link.sink.answers[0].approvalCode.text == "000001")
    #expect(try await link.results(.sale, 2, card: "4000000000000010") == [.declined])
    let original = try link.name()
    #expect(try await link.results(.sale, 3, original) == [.approved])
    #expect(try await link.results(.reversal, 3, original) == [.reversed])
    #expect(try await link.results(.reversal, 3, original, isRepeat: true) == [.notFound])
    #expect(
      link.host.lines.map { "\($0[0]) \($0[7])" } == [
        "sale charged", "sale free", "sale charged", "reversal free", "reversal free",
      ])
    #expect(link.host.charged.count == 1)
    #expect(link.sink.unmatched.isEmpty)
    await link.acquirer.stop()
  }

  @Test func aThousandSalesAtOnceAreEachAnsweredOnce() async throws {
    let link = try Link("example-1987", ["answer-timeout": "answer-timeout 20000"])
    try await link.up()
    var operations: [AcquirerOperation] = []
    for payment in 1...1_000 as ClosedRange<Int64> { operations.append(.test(.sale, payment, try link.name())) }
    var answered: [AcquirerAnswer] = []
    link.acquirer.begin(operations, answered: &answered)
    #expect(answered.isEmpty)
    try await eventually("all are answered") { link.sink.answers.count >= 1_000 }
    #expect(Set(link.sink.answers.map(\.payment)).count == 1_000)
    #expect(link.sink.answers.allSatisfy { $0.result == .approved })
    #expect(link.host.charged.count == 1_000)
    await link.acquirer.stop()
  }

  @Test func aSilentSaleIsUnknownFoundByInquiryAndEndsByReversal() async throws {
    let link = try Link()
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009029", original) == [.unknown])
    #expect(try await link.results(.inquiry, 1, original) == [.approved])
    #expect(try await link.results(.reversal, 1, original) == [.reversed])
    #expect(try await link.results(.inquiry, 1, original) == [.notFound])
    #expect(link.host.charged.isEmpty)
    await link.acquirer.stop()
  }

  @Test func aSaleLostOnItsWayIsNotFound() async throws {
    let link = try Link()
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009011", original) == [.unknown])
    #expect(try await link.results(.inquiry, 1, original) == [.notFound])
    #expect(try await link.results(.reversal, 1, original) == [.notFound])
    await link.acquirer.stop()
  }

  @Test func anAnswerAfterTheTimeoutComesThroughAsWell() async throws {
    let link = try Link(host: ["--late-ms", "4000"])
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009110", count: 2) == [.unknown, .approved])
    await link.acquirer.stop()
  }

  @Test func aDoubledAnswerComesThroughTwice() async throws {
    let link = try Link()
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009102", count: 2) == [.approved, .approved])
    #expect(link.sink.unmatched.isEmpty)
    await link.acquirer.stop()
  }

  @Test func aDeclineThatIsApprovedAfterAllComesThroughAsBoth() async throws {
    let link = try Link()
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009177", count: 2) == [.declined, .approved])
    await link.acquirer.stop()
  }

  @Test func anAnswerWithAnotherSTANIsJournaledAndTheSaleIsUnknown() async throws {
    let link = try Link()
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009128") == [.unknown])
    #expect(link.sink.unmatched.count == 1)
    #expect(link.sink.unmatched[0].hasPrefix("0210, DE41 T000000"))
    #expect(!link.sink.unmatched[0].contains("4000000000009128"))
    await link.acquirer.stop()
  }

  @Test func aLineCutInTheMiddleOfAnAnswerMakesTheSaleUnknownAndIsMadeAgain() async throws {
    let link = try Link("example-1987", ["connections": "connections 1", "answer-timeout": "answer-timeout 60000"])
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009136", original) == [.unknown])
    #expect(try await link.results(.inquiry, 1, original) == [.approved])
    try await link.up()
    #expect(try await link.results(.sale, 2) == [.approved])
    await link.acquirer.stop()
  }

  @Test func anotherAmountIsNoApproval() async throws {
    let link = try Link()
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009144") == [.otherAmount])
    #expect(link.sink.unmatched.count == 1)
    await link.acquirer.stop()
  }

  @Test func aFormatErrorChargesNothingAndIsJournaledForOperators() async throws {
    let link = try Link()
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009151") == [.declined])
    #expect(link.sink.unmatched.first?.contains("check the dialect") == true)
    await link.acquirer.stop()
  }

  @Test func bytesThatAreNoMessageAreJournaledAndTheLineStays() async throws {
    let link = try Link("example-1987", ["connections": "connections 1"])
    try await link.up()
    #expect(try await link.results(.sale, 1, card: "4000000000009169") == [.unknown])
    #expect(link.sink.unmatched.first?.hasPrefix("an unreadable message: MTI") == true)
    #expect(try await link.results(.sale, 2) == [.approved])
    await link.acquirer.stop()
  }

  @Test func aRefusedReversalIsTold() async throws {
    let link = try Link()
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009060", original) == [.unknown])
    #expect(try await link.results(.reversal, 1, original) == [.reversalRefused])
    await link.acquirer.stop()
  }

  @Test func aReversalThatOvertakesItsSaleGetsTheLateApprovalToo() async throws {
    let link = try Link()
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009078", original) == [.unknown])
    #expect(try await link.results(.reversal, 1, original, count: 2) == [.notFound, .approved])
    await link.acquirer.stop()
  }

  @Test func withoutALineNoSaleIsSentAndReversalsWaitForOne() async throws {
    let link = try Link("example-1987", ["answer-timeout": "answer-timeout 20000"])
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, original) == [.approved])
    link.host.stop()
    try await eventually("the link is down") { !link.acquirer.isUp }
    #expect(try await link.results(.sale, 2) == [.notSent])
    try link.ask(.reversal, 1, original)
    try link.host.start()
    try await eventually("the reversal is answered") { link.sink.answers(to: 1).count == 2 }
    #expect(link.sink.answers(to: 1)[1].result == .reversed)
    #expect(link.host.charged.isEmpty)
    await link.acquirer.stop()
  }

  @Test func anInquiryThatFindsNoLineInTimeIsInconclusive() async throws {
    let link = try Link()
    try await link.up()
    link.host.stop()
    try await eventually("the link is down") { !link.acquirer.isUp }
    #expect(try await link.results(.inquiry, 1, link.name()) == [.unknown])
    await link.acquirer.stop()
  }

  @Test func whatANewProcessAsksAboutFindsTheLateAnswerOfAnOldSale() async throws {
    let link = try Link(host: ["--late-ms", "6000"])
    try await link.up()
    let original = try link.name()
    #expect(try await link.results(.sale, 1, card: "4000000000009110", original) == [.unknown])
    await link.acquirer.stop()
    // The answer goes to a line that is gone; a second process has the sale from its ledger.
    let next = try ISO8583Acquirer(
      .example(
        "example-1987", ["address": "address localhost:\(link.host.port)", "answer-timeout": "answer-timeout 2000"]),
      stanFile: link.folder.path + "/stan", logger: Logger(label: "link"),
      wall: { Int64(Date().timeIntervalSince1970 * 1_000) })
    let sink = TestSink()
    next.start(sink)
    try await eventually("the link is up") { next.isUp }
    var answered: [AcquirerAnswer] = []
    next.begin([.test(.reversal, 1, original)], answered: &answered)
    try await eventually("the reversal is answered") { !sink.answers.isEmpty }
    #expect(sink.answers[0].result == .reversed)
    let other = try #require(next.nameSale(at: original.time * 1_000))
    #expect(other.stan > original.stan)
    await next.stop()
  }

  @Test func aQuietLineIsTriedWithEchoes() async throws {
    let link = try Link("example-1987", ["echo-interval": "echo-interval 1000", "connections": "connections 1"])
    try await link.up()
    try await Task.sleep(for: .milliseconds(3_000))
    #expect(link.acquirer.isUp)
    #expect(try await link.results(.sale, 1) == [.approved])
    await link.acquirer.stop()
  }

  @Test func theAcquirersOwnEchoesAreAnsweredAndDisturbNothing() async throws {
    let link = try Link(host: ["--echo-ms", "50"])
    try await link.up()
    for payment in 1...20 as ClosedRange<Int64> {
      #expect(try await link.results(.sale, payment) == [.approved])
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(link.sink.unmatched.isEmpty)
    await link.acquirer.stop()
  }

  @Test func aSaleWithoutANameIsUnknownHere() async throws {
    let link = try Link()
    try await link.up()
    var answered: [AcquirerAnswer] = []
    link.acquirer.begin([.test(.inquiry, 9, nil)], answered: &answered)
    try await eventually("an answer") { !link.sink.answers.isEmpty }
    #expect(link.sink.answers[0].result == .unknown)
    await link.acquirer.stop()
  }
}
