import Audit
import CountersignClient
import Cryptography
import Foundation
import Messages
import TestAcquirer
import TestPrograms
import Testing

/// Receipts from a running service to somebody who has nothing but the file and the published key.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ReceiptProgramTests {
  @Test(arguments: [["audit", "key"], ["audit", "export"]])
  func aLinkThatIsNamedForOutputIsLeftAsItIs(_ command: [String]) throws {
    let desk = try Desk.shared.get()
    let root = NSTemporaryDirectory() + "countersign-output-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: "/dev/null")
    let run = try desk.admin(command + ["--output", "\(root)/link"])
    #expect(run.status == 74 && run.errors.contains("it is no regular file"), "\(run.status) \(run.errors)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/link") == "/dev/null")
    #expect(try FileManager.default.contentsOfDirectory(atPath: root) == ["link"])
  }

  @Test(arguments: [["audit", "key"], ["audit", "export"]])
  func standardOutputAndNoNameAreRefusedAndLeaveNothing(_ command: [String]) throws {
    let desk = try Desk.shared.get()
    let root = NSTemporaryDirectory() + "countersign-output-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    for (name, words) in [("-", "name a file"), ("", "argument 4 is empty"), ("folder/", "name a file")] {
      let arguments = (command + ["--output", name]).map { "'\($0)'" }.joined(separator: " ")
      let run = try Program.shell(
        "cd '\(root)' && '\(Program.folder.path)/countersign-admin' \(arguments)", environment: desk.server.admin)
      #expect(run.status == 64 && run.errors.contains(words), "\(run)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: root).isEmpty)
  }

  @Test func anExportThatIsRefusedLeavesNothing() throws {
    let desk = try Desk.shared.get()
    let root = NSTemporaryDirectory() + "countersign-output-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    let run = try desk.admin(["audit", "export", "--output", "\(root)/all.jsonl", "--from", "99999999"])
    #expect(run.status != 0, "\(run)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: root).isEmpty)
  }

  @Test func aReceiptIsVerifiedWithoutTheService() throws {
    let desk = try Desk()
    let root = desk.server.root
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "12900", "--currency", "KRW", "--output", "json"], input: Desk.card)
    let payment = try #require(
      (try JSONSerialization.jsonObject(with: Data(paid.output.utf8)) as? [String: Any])?["payment"] as? Int)
    let key = try desk.admin(["audit", "key", "--output", "\(root)/audit.pem"])
    let digest = try Program.shell("openssl pkey -pubin -in \(root)/server/audit/public.pem -outform DER | sha256sum")
    #expect(key.status == 0 && key.output.contains(digest.output.prefix(64)), "\(key.errors)\(key.output)")
    let made = try desk.admin(["receipt", "\(payment)", "--output", "\(root)/one.receipt"])
    #expect(made.status == 0, "\(made.errors)")
    let (receipt, pem) = ("\(root).receipt", "\(root).pem")
    defer { for file in [receipt, pem] { try? FileManager.default.removeItem(atPath: file) } }
    try FileManager.default.moveItem(atPath: "\(root)/one.receipt", toPath: receipt)
    try FileManager.default.moveItem(atPath: "\(root)/audit.pem", toPath: pem)
    desk.server.end()

    let verified = try Program.run("countersign-admin", ["verify-receipt", receipt, "--key", pem])
    #expect(verified.status == 0, "\(verified.errors)\(verified.output)")
    for words in ["payment      \(payment) ", "12900 KRW  card 411111******1111", "A-1", "outcome      APPROVED"] {
      #expect(verified.output.contains(words), "\(verified.output)")
    }
    let python = try runProgram(Repository.python, [Repository.path("docs/verify_receipt.py"), receipt, pem])
    #expect(
      python.output.hasPrefix("good: payment \(payment), 12900 KRW, order A-1\nstanding up to record "), "\(python)")
    #expect(python.output.hasSuffix(": APPROVED\n"), "\(python)")

    var bytes = try Data(contentsOf: URL(fileURLWithPath: receipt))
    #expect(bytes.count < 2_500)
    let amount = try #require(bytes.firstRange(of: Data([0, 0, 0x32, 0x64])))
    bytes[amount.lowerBound] = 1
    try bytes.write(to: URL(fileURLWithPath: receipt))
    let altered = try Program.run("countersign-admin", ["verify-receipt", receipt, "--key", pem, "--output", "json"])
    #expect(altered.status == 1)
    #expect(altered.output.contains("record \(payment) was altered"), "\(altered.output)")
  }

  @Test func aRefundLaterStandsInTheReceipt() throws {
    let desk = try Desk()
    let root = desk.server.root
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "700", "--currency", "KRW", "--output", "json"], input: Desk.card)
    let payment = try #require(
      (try JSONSerialization.jsonObject(with: Data(paid.output.utf8)) as? [String: Any])?["payment"] as? Int)
    _ = try desk.admin(["administrator", "add", "Lee", "--role", "operator", "--folder", "\(root)/lee"]).good()
    let asked = try #require(try desk.json(["refund", "\(payment)", "--amount", "500"]).first?["operation"] as? Int)
    try desk.admin(["confirm", "\(asked)", "--admin", "\(root)/lee"]).good()
    let (file, key) = ("\(root)/refunded.receipt", "\(root)/server/audit/public.pem")
    try desk.admin(["receipt", "\(payment)", "--output", file]).good()
    let verified = try desk.admin(["verify-receipt", file, "--key", key]).good()
    #expect(verified.output.contains("outcome      APPROVED at "), "\(verified)")
    #expect(verified.output.contains("then         refund \(asked) of 500 KRW DONE at "), "\(verified)")
    #expect(verified.output.contains("standing     APPROVED, then refunded 500 of 700\n"), "\(verified)")
    let python = try runProgram(Repository.python, [Repository.path("docs/verify_receipt.py"), file, key]).good()
    #expect(python.output.hasSuffix(": APPROVED, then refunded 500 of 700\n"), "\(python)")
    if let folder = ProcessInfo.processInfo.environment["COUNTERSIGN_VECTORS"] {
      for (from, to) in [(file, "receipt/refunded.receipt"), (key, "receipt/audit.pem"), (key, "export/audit.pem")] {
        try? FileManager.default.removeItem(atPath: "\(folder)/\(to)")
        try FileManager.default.copyItem(atPath: from, toPath: "\(folder)/\(to)")
      }
      try? FileManager.default.removeItem(atPath: "\(folder)/export/all.jsonl")
      for _ in 0..<2 { #expect(try desk.pay(card: Desk.card).status == 0) }
      try desk.admin(["audit", "export", "--output", "\(folder)/export/all.jsonl"]).good()
    }
  }

  @Test func aDeclinedPaymentsReceiptTellsItsCodeAlone() throws {
    let desk = try Desk()
    let root = desk.server.root
    _ = try desk.pay(card: Desk.card.replacingOccurrences(of: "4111111111111111", with: "4000000000000515"))
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    try desk.admin(["receipt", "\(payment)", "--output", "\(root)/declined"]).good()
    let verified = try desk.admin(
      ["verify-receipt", "\(root)/declined", "--key", "\(root)/server/audit/public.pem"]
    ).good()
    #expect(verified.output.contains("\noutcome      DECLINED at "), "\(verified)")
    #expect(verified.output.contains("\nacquirer     response 51\n"), "\(verified)")
  }

  /// 38 refunds beside order and outcome fill a receipt; the next one is told, with what can be done.
  @Test(.timeLimit(.minutes(5))) func aPaymentWithMoreRecordsThanAReceiptHoldsIsToBeExported() async throws {
    let desk = try Desk()
    let (root, folder) = (desk.server.root, "\(desk.server.root)/lee")
    try desk.admin(["administrator", "add", "Lee", "--role", "operator", "--folder", folder]).good()
    _ = try desk.pay(card: Desk.card)
    let payment = try #require(try desk.json(["payments", "list"]).first?["payment"] as? Int)
    let (first, second) = (try desk.administrator("\(root)/server/admin"), try desk.administrator(folder))
    func refund(_ count: Int) async throws {
      for _ in 0..<count {
        var request = RequestOperationRequest()
        (request.kind, request.payment, request.amount) = (.refund, UInt64(payment), 1)
        request.idempotencyKey = randomBytes(16)
        let asked = try await first.run { [request] in try await $0.requestOperation(request) }
        var confirmation = ConfirmOperationRequest()
        confirmation.operation = asked.operation?.number ?? 0
        _ = try await second.run { [confirmation] in try await $0.confirmOperation(confirmation) }
      }
      while try desk.json(["operations", "list"]).contains(where: { $0["state"] as? String != "DONE" }) {}
    }
    try await refund(Receipt.mostRecords - 2)
    let (file, key) = ("\(root)/full.receipt", "\(root)/server/audit/public.pem")
    let made = try desk.admin(["receipt", "\(payment)", "--output", file]).good()
    #expect(made.output.split(separator: ",").count == Receipt.mostRecords + 1, "\(made)")
    let standing = "APPROVED, then refunded 38 of 12900\n"
    let verified = try desk.admin(["verify-receipt", file, "--key", key]).good()
    #expect(verified.output.contains("standing     \(standing)"), "\(verified)")
    let python = try runProgram(Repository.python, [Repository.path("docs/verify_receipt.py"), file, key]).good()
    #expect(python.output.hasSuffix(": \(standing)"), "\(python)")

    try await refund(1)
    let more = try desk.admin(["receipt", "\(payment)", "--output", "\(root)/over.receipt"])
    #expect(more.status == 64, "\(more)")
    #expect(
      more.errors == """
        error: PAYMENT: has 41 records, more than the 40 of a receipt; export them, with countersign-admin audit export

        """, "\(more)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/over.receipt"))
    // A file that says it has more is refused before anything in it is read.
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[Receipt.countOffset] = 41
    try bytes.write(to: URL(filePath: file))
    let refused = try desk.admin(["verify-receipt", file, "--key", key])
    #expect(refused.status == 1 && refused.output == "refused: holds 41 records; a receipt has 1 to 40\n", "\(refused)")
    let alike = try runProgram(Repository.python, [Repository.path("docs/verify_receipt.py"), file, key])
    #expect(alike.status == 1 && alike.output.contains("holds 41 records; a receipt has 1 to 40"), "\(alike)")
  }

  @Test func whatIsWrongIsSaid() throws {
    let desk = try Desk.shared.get()
    let root = desk.server.root
    let nobody = try desk.admin(["receipt", "999999", "--output", "\(root)/none"])
    #expect(nobody.status == 1 && nobody.errors.contains("PAYMENT_NOT_FOUND"), "\(nobody.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(root)/none"))
    let word = try desk.admin(["receipt", "today", "--output", "\(root)/none"])
    #expect(word.status == 64 && word.errors.contains("32 hexadecimal digits"))
    let (file, key) = ("\(root)/passphrase", "\(root)/server/audit/public.pem")
    let text = try desk.admin(["verify-receipt", file, "--key", key])
    #expect(text.status == 1 && text.output.contains("is no receipt"), "\(text.output)")
    let noKey = try desk.admin(["verify-receipt", file, "--key", file])
    #expect(noKey.status == 77 && noKey.errors.contains("\(file): is not a PEM public key"), "\(noKey.errors)")
    let noFile = try desk.admin(["verify-receipt", "\(root)/missing", "--key", key])
    #expect(noFile.status == 74 && noFile.errors.contains("\(root)/missing"), "\(noFile.errors)")
  }
}

extension Receipt {
  /// Where the number of proofs stands: behind the first words and the key.
  fileprivate static let countOffset = 22 + 32
}

extension Desk {
  /// The client of an administrator whose folder this is.
  fileprivate func administrator(_ folder: String) throws -> Administrator {
    try Administrator(
      certificate: "\(folder)/chain.pem", key: "\(folder)/key.pem", host: "localhost", port: UInt16(server.port))
  }
}
