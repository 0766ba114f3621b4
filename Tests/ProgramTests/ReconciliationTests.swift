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

  private static func differences(_ file: String, _ payments: [ListedPayment]) throws -> [String] {
    let lines = try SettlementFile.read(Array(file.utf8), path: "f.csv")
    return Reconciliation(payments).differences(lines).map {
      "\($0.kind.rawValue) \($0.line ?? 0) \($0.payment ?? 0)"
    }
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
