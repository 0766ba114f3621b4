import Messages
import ProgramSupport
import Testing

@testable import countersign_admin

/// An acquirer's file against payments, without a service.
@Suite struct ReconciliationTests {
  private static func payment(
    _ number: UInt64, _ state: PaymentState = .approved, amount: UInt64 = 100, stan: UInt32 = 0,
    reference: String = "", approval: String = ""
  ) -> ListedPayment {
    var listed = ListedPayment()
    var result = PaymentResult()
    (result.payment, result.state, result.amount, result.currency) = (number, state, amount, "KRW")
    result.approvalCode = approval
    (listed.payment, listed.terminal, listed.stan) = (result, "T1", stan)
    listed.retrievalReference = reference
    return listed
  }

  private static func operation(
    _ number: UInt64, _ kind: OperationKind, of payment: UInt64, _ amount: UInt64, _ state: OperationState = .done,
    since: UInt64 = 0, stan: UInt32 = 0, reference: String = ""
  ) -> PaymentOperation {
    var operation = PaymentOperation()
    (operation.number, operation.kind, operation.payment) = (number, kind, payment)
    (operation.amount, operation.currency, operation.state) = (amount, "KRW", state)
    (operation.sinceMs, operation.terminal, operation.stan) = (since, "T1", stan)
    operation.retrievalReference = reference
    return operation
  }

  private static func differences(
    _ file: String, _ payments: [ListedPayment], _ operations: [PaymentOperation] = [], of times: Range<UInt64> = 0..<9
  ) throws -> [String] {
    let lines = try SettlementFile.read(Array(file.utf8), path: "f.csv")
    return Reconciliation(payments, operations, of: times).differences(lines).map {
      let of = $0.of == .sale ? "" : " \($0.of.rawValue) \($0.operation ?? 0)"
      return "\($0.kind.rawValue) \($0.line ?? 0) \($0.payment ?? 0)\(of)"
    }
  }

  /// A reference is date, hour and trace number, which every terminal counts by itself.
  @Test func aReferenceOfSeveralTerminalsIsToldApartByTerminalAndTraceNumber() throws {
    var other = Self.payment(2, .declined, stan: 5, reference: "R5")
    other.terminal = "T2"
    let payments = [Self.payment(1, stan: 5, reference: "R5"), other]
    let header = "terminal,stan,retrieval_reference,amount,currency\n"
    #expect(
      try Self.differences(header + "T2,5,R5,100,KRW\n", payments) == ["STATE 2 2", "ONLY_IN_LEDGER 0 1"])
    #expect(try Self.differences(header + "T1,5,R5,100,KRW\n", payments) == [])
    #expect(try Self.differences(header + "T1,5,OTHER,100,KRW\n", payments) == [])
    #expect(
      try Self.differences(header + "T3,5,R5,100,KRW\n", payments) == ["ONLY_IN_FILE 2 0", "ONLY_IN_LEDGER 0 1"])
  }

  /// What a confirmation of a restored ledger makes APPROVED.
  @Test func openSalesThatTheFileHasAreToldWithTheirApprovalCode() throws {
    let states: [PaymentState] = [.intent, .unknown, .inquiring, .reversing, .declined, .approved, .intent]
    let payments = states.enumerated().map { Self.payment(UInt64($0 + 1), $1) }
    let rows = (1...6).map { "\($0),100,KRW,C\($0)\n" }.joined() + "7,99,KRW,C7\n"
    let lines = try SettlementFile.read(Array("payment,amount,currency,approval_code\n\(rows)".utf8), path: "f.csv")
    let found = Reconciliation(payments).differences(lines)
    #expect(found.map(\.chargedOpen) == ["C1", "C2", "C3", nil, nil, nil])
    #expect(found.map(\.payment) == [1, 2, 3, 4, 5, 7])
  }

  @Test func aRefundThatWasNeverDoneIsNotMeantByOneOfAnotherAmount() throws {
    let operations = [Self.operation(20, .refund, of: 7, 40, .requested)]
    #expect(
      try Self.differences(
        "kind,payment,amount,currency\nsale,7,100,KRW\nrefund,7,70,KRW\n", [Self.payment(7)], operations)
        == ["ONLY_IN_FILE 3 0 refund 0"])
  }

  @Test func refundsOfALostLedgerAndRefundsThatNeverCameAreListed() throws {
    let payments = [Self.payment(7, .partlyRefunded), Self.payment(8), Self.payment(9, .partlyRefunded)]
    let operations = [
      Self.operation(20, .refund, of: 7, 30), Self.operation(21, .refund, of: 7, 20, .refused),
      Self.operation(22, .refund, of: 9, 40), Self.operation(23, .refund, of: 8, 50, .unknown),
      Self.operation(24, .refund, of: 9, 5),
    ]
    let file = """
      kind,payment,amount,currency
      sale,7,100,KRW
      ,8,100,KRW
      sale,9,100,KRW
      refund,7,30,KRW
      refund,7,20,KRW
      refund,7,30,KRW
      refund,8,50,KRW
      refund,8,60,KRW
      refund,9,41,KRW
      """
    // The second of payments 7 and 8 were made after the backup, and the ledger knows nothing of them.
    #expect(
      try Self.differences(file, payments, operations) == [
        "STATE 6 7 refund 21", "ONLY_IN_FILE 7 0 refund 0", "ONLY_IN_FILE 9 0 refund 0", "AMOUNT 10 9 refund 22",
        "ONLY_IN_LEDGER 0 9 refund 24",
      ])
  }

  @Test func aRefundIsFoundByItsOwnNameOrItsSales() throws {
    let payments = [
      Self.payment(7, .refunded, stan: 17, reference: "R7"), Self.payment(8, .refunded, stan: 18, reference: "R8"),
    ]
    let operations = [
      Self.operation(20, .refund, of: 7, 100, stan: 30, reference: "R30"),
      Self.operation(21, .refund, of: 8, 100, stan: 31, reference: "R31"),
      // Of a payment of another time, whose row is not at hand.
      Self.operation(22, .refund, of: 3, 100, stan: 32, reference: "R32"),
    ]
    let file = """
      kind,terminal,stan,retrieval_reference,amount,currency
      sale,T1,17,,100,KRW
      sale,,,R8,100,KRW
      refund,T1,30,,100,KRW
      refund,,,R8,100,KRW
      refund,,,R32,100,KRW
      """
    #expect(try Self.differences(file, payments, operations).isEmpty)
    #expect(
      try Self.differences(file + "\nrefund,T1,31,R31,100,KRW\nrefund,T1,031,R31,100,KRW\n", payments, operations)
        == ["TWICE 7 8 refund 21", "TWICE 8 8 refund 21"])
  }

  @Test func aRefundIsExpectedInTheFileOfTheTimeItWasDoneIn() throws {
    let refund = Self.operation(20, .refund, of: 3, 100, since: 9)
    #expect(try Self.differences("kind,payment,amount,currency\n", [], [refund]).isEmpty)
    #expect(
      try Self.differences("kind,payment,amount,currency\n", [], [refund], of: 9..<18) == [
        "ONLY_IN_LEDGER 0 3 refund 20"
      ])
    // Settled by people later than the acquirer did it.
    #expect(try Self.differences("kind,payment,amount,currency\nrefund,3,100,KRW\n", [], [refund]).isEmpty)
  }

  @Test func voidsAreComparedBothWays() throws {
    let payments = [Self.payment(7, .voided), Self.payment(8), Self.payment(9, .voided), Self.payment(10)]
    let operations = [
      Self.operation(20, .void, of: 7, 100), Self.operation(21, .void, of: 9, 100),
      Self.operation(22, .void, of: 10, 100, .expired),
    ]
    let file = """
      kind,payment,amount,currency
      sale,7,100,KRW
      void,7,100,KRW
      sale,8,100,KRW
      void,8,100,KRW
      sale,9,100,KRW
      sale,10,100,KRW
      void,10,100,KRW
      """
    #expect(
      try Self.differences(file, payments, operations) == [
        "ONLY_IN_FILE 5 0 void 0", "STATE 8 10 void 22", "STATE 6 9",
      ])
    // A file that has no voids says nothing about them; one that was lost shows as a sale that is not charged.
    #expect(
      try Self.differences("payment,amount,currency\n7,100,KRW\n8,100,KRW\n", payments, operations) == [
        "ONLY_IN_LEDGER 0 10"
      ])
  }

  @Test func whatAgreesHasNoDifference() throws {
    let found = try Self.differences(
      "payment,amount,currency\n7,100,KRW\r\n8,200,KRW\n", [Self.payment(7), Self.payment(8, amount: 200)])
    #expect(found.isEmpty)
  }

  @Test func differencesAreListedBothWays() throws {
    let found = try Self.differences(
      "payment,amount,currency\n7,101,KRW\n8,100,EUR\n9,100,KRW\n99,5,KRW\n7,101,KRW\n12,100,KRW\n",
      [
        Self.payment(7), Self.payment(8), Self.payment(9, .declined), Self.payment(10), Self.payment(11, .declined),
        Self.payment(12, .reversing), Self.payment(13, .reversalRefused),
      ])
    #expect(
      found == [
        "AMOUNT 2 7", "AMOUNT 3 8", "STATE 4 9", "ONLY_IN_FILE 5 0", "TWICE 6 7", "STATE 7 12", "ONLY_IN_LEDGER 0 10",
      ])
  }

  @Test func salesAreFoundByReferenceOrTrace() throws {
    let payments = [
      Self.payment(1, stan: 17), Self.payment(2, reference: "633209000017"), Self.payment(3, stan: 18, approval: "A"),
      Self.payment(4, stan: 18, approval: "B"),
    ]
    let file = """
      terminal,stan,retrieval_reference,approval_code,amount,currency,merchant
      T1,000017,,,100,KRW,"Acme, Tours"
      ,,633209000017,,100,KRW,x
      T1,18,,B,100,KRW,x
      T1,18,,A,100,KRW,x
      T2,17,,,100,KRW,x
      """
    #expect(try Self.differences(file, payments) == ["ONLY_IN_FILE 6 0"])
  }

  @Test(arguments: [
    ("", "no header"), ("payment,amount\n", "no column currency"), ("amount,currency\n", "needs the column payment"),
    ("payment,payment,amount,currency\n", "column twice"), ("payment,amount,currency\n1,2\n", "line 2: has 2 fields"),
    ("payment,amount,currency\n1,12.50,EUR\n", "line 2, amount"),
    ("kind,payment,amount,currency\nchargeback,1,2,EUR\n", "line 2, kind: must be sale, refund or void"),
    ("payment,amount,currency\n1,2,EURO\n", "line 2, currency"),
    ("payment,amount,currency\n\n,2,EUR\n", "line 3, payment"),
    ("payment,amount,currency\nx,2,EUR\n", "line 2, payment"),
    ("terminal,stan,amount,currency\nT,0,2,EUR\n", "line 2, stan"),
    ("payment,amount,currency\n\"1,2,EUR\n", "line 2: has a quote"),
    ("payment,amount,currency\n\"1\"x,2,EUR\n", "line 2: has text behind"),
  ])
  func aWrongFileNamesItsLine(_ file: String, _ words: String) throws {
    let error = #expect(throws: ProgramError.self) { try SettlementFile.read(Array(file.utf8), path: "f.csv") }
    #expect(error?.status == .input && error?.description.contains(words) == true, "\(error?.description ?? "")")
    #expect(error?.description.hasPrefix("f.csv") == true)
  }

  /// What is written is read again, by RFC 4180's rules.
  @Test func recordsWithQuotesAndLineBreaksAreReadBack() throws {
    let fields = ["plain", "a,b", "say \"hi\"", "two\nlines", "", "\"", "\r\n"]
    let text = CSV.line(fields) + "\r\n" + CSV.line(["next"])
    #expect(try CSV.read(Array(text.utf8)) == [.init(line: 1, fields: fields), .init(line: 4, fields: ["next"])])
    #expect(throws: CSVFault(line: 1, description: "is not UTF-8")) { try CSV.read([0xFF]) }
  }
}
