import Audit
import CheckoutService
import CountersignClient
import Cryptography
import Files
import Foundation
import Messages
import TestAcquirer
import Testing

/// Receipts as the service makes them, over TLS.
@Suite(.timeLimit(.minutes(3))) struct ReceiptTests {
  @Test func everyReceiptOfAJournalThatGrowsIsGood() async throws {
    try await TestService.withKim { service, kim in
      let key = try service.auditKey()
      let session = try await kim.login()
      for number in 1...12 {
        let order = Order(reference: "R-\(number)", amount: UInt64(number), currency: "KRW")
        let paid = try await session.pay(order, card: .test())
        // Newer than the last head: the service waits for the next one.
        let found = try await service.receipt { $0.which = .payment(paid.payment) }.verify(by: key)
        #expect(found.payment.amount == UInt64(number) && found.standing == "APPROVED")
        let byKey = try await service.receipt { $0.which = .idempotencyKey(found.payment.key) }
        #expect(byKey.proofs[0].record.number == Int64(paid.payment))
      }
    }
  }

  @Test func aPaymentWithoutOutcomeHasAReceiptOfItsOrder() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let key = session.makeKey()
      // The simulator says nothing about this card for ten seconds.
      let paying = Task {
        try await session.pay(
          Order(reference: "open", amount: 5, currency: "KRW"), card: .test("4000000000009029"), key: key)
      }
      var found: Receipt?
      while found == nil { found = try? await service.receipt { $0.which = .idempotencyKey(key) } }
      let receipt = try #require(found)
      let told = try receipt.verify(by: try service.auditKey())
      #expect(told.payment.amount == 5 && told.standing == "INTENT" && receipt.proofs.count == 1)
      paying.cancel()
    }
  }

  @Test func aReceiptTellsWhatWasGivenBackUntilNow() async throws {
    try await TestService.withKim { service, kim in
      let key = try service.auditKey()
      let lee = try await service.addAdministrator("Lee", [.operator])
      let paid = try await kim.login().pay(Order(reference: "R", amount: 700, currency: "KRW"), card: .test())
      func standing() async throws -> String {
        try await service.receipt { $0.which = .payment(paid.payment) }.verify(by: key).standing
      }
      let first = try await service.request(.refund, paid.payment, 200)
      #expect(try await standing() == "APPROVED")
      _ = try await service.confirmed(first.number, by: lee)
      #expect(try await standing() == "APPROVED, then refunded 200 of 700")
      let second = try await service.request(.refund, paid.payment, 300)
      _ = try await service.confirmed(second.number, by: lee)
      #expect(try await standing() == "APPROVED, then refunded 500 of 700")
    }
  }

  @Test func readingAReceiptIsJournaledAlsoWhereThereIsNone() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let paid = try await session.pay(Order(reference: "R", amount: 7, currency: "KRW"), card: .test())
      _ = try await service.receipt { $0.which = .payment(paid.payment) }
      await #expect(throws: (any Error).self) { try await service.receipt { $0.which = .payment(999_999) } }
      let lines = try service.sqlite("SELECT body FROM event WHERE kind = 'RECEIPT_READ' ORDER BY seq")
      #expect(lines.count == 2)
      #expect(lines[0].hasPrefix("payment \(paid.payment), by CN=tester"), "\(lines)")
      #expect(lines[1].hasPrefix("payment 999999, by CN=tester"), "\(lines)")
    }
  }

  @Test(arguments: [nil, .idempotencyKey([1, 2, 3])] as [MakeReceiptRequest.Which?])
  func aWrongQuestionNamesItsField(_ which: MakeReceiptRequest.Which?) async throws {
    let service = try TestService()
    try await service.start()
    let error = await #expect(throws: (any Error).self) { try await service.receipt { $0.which = which } }
    #expect("\(String(describing: error))".contains(which == nil ? "which" : "idempotency_key"))
    await service.stop()
  }

  @Test func alteredRecordsGetNoReceipt() async throws {
    try await TestService.withKim { service, kim in
      let session = try await kim.login()
      let paid = try await session.pay(Order(reference: "R", amount: 7, currency: "KRW"), card: .test())
      _ = try await service.receipt { $0.which = .payment(paid.payment) }
      try service.alter("UPDATE payment SET amount = 8 WHERE seq = \(paid.payment)")
      await #expect(throws: (any Error).self) { try await service.receipt { $0.which = .payment(paid.payment) } }
    }
  }

  @Test func nobodyButAnAdministratorGetsOne() async throws {
    try await TestService.withKim { service, _ in
      let company = try Administrator(
        certificate: "\(service.root)/Acme.pem", key: "\(service.root)/Acme.key", host: "127.0.0.1", port: service.port)
      let error = await #expect(throws: (any Error).self) {
        try await company.audit { try await $0.getAuditKey(GetAuditKeyRequest()) }
      }
      #expect("\(String(describing: error))".contains("ADMINISTRATOR_REQUIRED"))
    }
  }
}

extension TestService {
  func auditKey() throws -> PublicKey { try PublicKey(pem: try Files.read("\(root)/server/audit/public.pem")) }

  func receipt(_ ask: (inout MakeReceiptRequest) -> Void) async throws -> Receipt {
    var request = MakeReceiptRequest()
    ask(&request)
    return try Receipt(try await administrator().audit { [request] in try await $0.makeReceipt(request) }.receipt)
  }

  /// Lines that the sqlite3 program prints for a statement on the ledger.
  func sqlite(_ statement: String) throws -> [String] { try Sqlite.lines("\(root)/server/ledger.db", statement) }

  /// Changes the ledger with the sqlite3 program, as somebody with the file's rights could.
  func alter(_ statement: String) throws {
    let process = try Process.run(
      URL(filePath: "/usr/bin/sqlite3"), arguments: ["\(root)/server/ledger.db", statement])
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }
}
