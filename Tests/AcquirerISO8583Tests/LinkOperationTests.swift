import Foundation
import Payments
import TestAcquirer
import TestPrograms
import Testing

@testable import AcquirerISO8583

/// Refunds and voids over a real line to the independent host. Source: docs/iso8583.md, "Void and refund".
@Suite(.serialized, .timeLimit(.minutes(5))) struct LinkOperationTests {
  @Test(
    arguments: [
      ("example-1987", "iso8583-1987-ascii", "binary2"), ("example-1993", "iso8583-1993-bcd", "tpdu"),
    ])
  func refundsAndVoidsRunInEveryDialect(_ example: String, _ table: String, _ header: String) async throws {
    let link = try Link(
      example, host: ["--fields", Repository.path("dialects/\(table).fields"), "--header", header])
    try await link.up()
    #expect(link.acquirer.operations == [.refund, .void])
    let sale = try link.name()
    #expect(try await link.results(.sale, 1, sale) == [.approved])
    #expect(try await link.operate(.refund, 11, 5_000, of: sale) == .done)
    #expect(try await link.operate(.refund, 12, 7_900, of: sale) == .done)
    // More than is left: the host's own sum refuses it.
    #expect(try await link.operate(.refund, 13, 100, of: sale) == .refused)
    let other = try link.name()
    #expect(try await link.results(.sale, 2, other) == [.approved])
    #expect(try await link.operate(.void, 14, 12_900, of: other) == .done)
    #expect(
      link.host.lines.map { "\($0[0]) \($0[7])" } == [
        "sale charged", "refund refunded", "refund refunded", "refund free", "sale charged", "void free",
      ])
    let refund = link.host.lines[1]
    #expect(refund[1] == sale.terminalText && refund[2] != link.host.lines[0][2] && refund[5] == "000000005000")
    #expect(link.host.charged.count == 1 && link.sink.unmatched.isEmpty)
    await link.acquirer.stop()
  }

  /// What may have happened is unknown, and nothing is sent a second time by the link.
  @Test(arguments: [5_052, 5_054, 5_055] as [UInt64])
  func aRefundWithoutAGoodAnswerIsUnknownAndSentOnce(_ amount: UInt64) async throws {
    let link = try Link("example-1987", ["answer-timeout": "answer-timeout 400"])
    try await link.up()
    let sale = try await link.sold(1)
    #expect(try await link.operate(.refund, 11, amount, of: sale) == .unknown)
    try await Task.sleep(for: .milliseconds(1_000))
    #expect(link.host.lines.filter { $0[0] == "refund" }.count == 1)
    #expect(link.sink.unmatched.count == (amount == 5_055 ? 1 : 0))
    await link.acquirer.stop()
  }

  @Test func aLateAnswerFindsItsRefund() async throws {
    let link = try Link("example-1987", ["answer-timeout": "answer-timeout 300"], host: ["--late-ms", "900"])
    try await link.up()
    let sale = try await link.sold(1)
    #expect(try await link.operate(.refund, 11, 5_053, of: sale) == .unknown)
    try await eventually("the late answer") { link.sink.operations.count == 2 }
    #expect(link.sink.operations.last?.id == 11 && link.sink.operations.last?.result == .done)
    await link.acquirer.stop()
  }

  @Test func aVoidIsSentAgainAsARepeatUntilItIsAnswered() async throws {
    let link = try Link("example-1987", ["answer-timeout": "answer-timeout 300"])
    try await link.up()
    let sale = try await link.sold(1, amount: 12_952)
    #expect(try await link.operate(.void, 11, 12_952, of: sale) == .unknown)
    #expect(try await link.operate(.void, 11, 12_952, of: sale, isRepeat: true) == .done)
    #expect(link.host.lines.map { $0[0] } == ["sale", "void", "void"] && link.host.charged.isEmpty)
    await link.acquirer.stop()
  }

  @Test func aVoidedSaleThatIsNotFoundIsRefusedOnceAndInDoubtAgain() async throws {
    let link = try Link()
    try await link.up()
    let sale = try link.name()
    #expect(try await link.operate(.void, 11, 12_900, of: sale) == .refused)
    #expect(try await link.operate(.void, 12, 12_900, of: sale, isRepeat: true) == .unknown)
    #expect(link.sink.unmatched.count == 1)
    #expect(link.sink.unmatched.first?.contains("VOID 12: a void that was sent again") == true)
    await link.acquirer.stop()
  }

  @Test func withoutALineNothingIsSent() async throws {
    let link = try Link()
    try await link.up()
    let sale = try await link.sold(1)
    link.host.stop()
    try await eventually("the line is down") { !link.acquirer.isUp }
    #expect(try await link.operate(.refund, 11, 5_000, of: sale) == .notSent)
    await link.acquirer.stop()
  }

  @Test func theDayEndsAtTheCutOffInLocalTime() throws {
    let link = try Link("example-1987", ["cut-off": "cut-off 23:30"])
    // 2026-11-28, 23:29:59 and 23:30 at +09:00.
    let last: Int64 = 1_795_876_199_000
    #expect(link.acquirer.businessDay(at: last) + 1 == link.acquirer.businessDay(at: last + 1_000))
    #expect(link.acquirer.businessDay(at: last) == link.acquirer.businessDay(at: last + 1_000 - 86_400_000))
  }
}

extension Link {
  /// A sale that the host approved.
  func sold(_ payment: Int64, amount: UInt64 = 12_900) async throws -> OriginalElements {
    let original = try name()
    var sale = AcquirerOperation.test(.sale, payment, original)
    sale.amount = amount
    var answered: [AcquirerAnswer] = []
    acquirer.begin([sale], answered: &answered)
    try await eventually("the sale is approved") { sink.answers(to: payment).map(\.result) == [.approved] }
    return original
  }

  /// Names a refund or void, sends it and waits for its answer.
  func operate(
    _ kind: OperationKind, _ id: Int64, _ amount: UInt64, of sale: OriginalElements, isRepeat: Bool = false
  ) async throws -> OperationAnswer.Result? {
    let now = Int64(Date().timeIntervalSince1970 * 1_000)
    let name = try #require(acquirer.nameOperation(kind, of: sale, at: now))
    let count = sink.operations.count
    acquirer.begin(
      OutgoingOperation(
        id: id, kind: kind, payment: 1, amount: amount, currency: Currency(stored: 0x45_5552),
        secrets: AcquirerOperation.test(.reversal, 1, sale).secrets, original: name, sale: sale, isRepeat: isRepeat))
    try await eventually("an answer") { sink.operations.count > count }
    return sink.operations.last?.result
  }
}
