import Foundation
import TestPrograms
import Testing

/// What a terminal tells of keys that are not those of its own open payments.
@Suite(.serialized, .timeLimit(.minutes(3))) struct StatusProgramTests {
  /// Of this suite alone: a second login of the consultant ends the first one's session.
  nonisolated(unsafe) private static let desk: Result<Desk, any Error> = Result { try Desk() }

  /// Mistyped, or another consultant's: the service says of both that the consultant has no such payment.
  @Test(arguments: ["text", "json"]) func ofAKeyThatNobodyKnowsNothingIsClaimed(_ form: String) throws {
    let status = try Self.desk.get().terminal(
      ["status", "0199a1b2-c3d4-7000-8000-01122334455f", "--output", form])
    #expect(status.status == 2, "\(status)")
    #expect(!status.output.contains("nothing was charged") && !status.output.contains("NOT_CHARGED"), "\(status)")
    #expect(status.output.contains(form == "json" ? #""outcome":"UNKNOWN""# : "compare it"), "\(status)")
  }

  @Test func ofAnApprovedPaymentOfAnotherConsultantNothingIsClaimed() throws {
    let desk = try Self.desk.get()
    let key = try Self.key(of: desk.pay(card: Desk.card).good())
    let root = desk.server.root
    let added = try desk.admin(["consultant", "add", "Status Lee", "--company", "Acme"]).good()
    let token = try #require(
      added.output.split(whereSeparator: \.isWhitespace).map(String.init).max { $0.count < $1.count })
    _ = try desk.terminal([
      "enrol", "localhost:\(desk.server.port)", token, "--data", "\(root)/status-lee", "--company", "\(root)/acme.pem",
      "--company-key", "\(root)/acme.key",
    ]).good()
    let asked = try desk.terminal(["status", key, "--data", "\(root)/status-lee"])
    #expect(asked.status == 2 && !asked.output.contains("nothing was charged"), "\(asked)")
    #expect(try desk.terminal(["status", key]).good().output.contains("APPROVED"))
  }

  /// The key of an approved payment, and of one that the terminal has open, which it goes on knowing as it was.
  @Test(arguments: [false, true]) func anotherAmountUnderTheKeyOfAPaymentIsNoEnd(_ isOpen: Bool) throws {
    let desk = try Self.desk.get()
    let key = try Self.key(of: desk.pay(card: Desk.card).good())
    let pending = URL(filePath: "\(desk.server.root)/terminal/pending/\(key.filter { $0 != "-" })")
    if isOpen {
      try FileManager.default.createDirectory(
        at: pending.deletingLastPathComponent(), withIntermediateDirectories: true)
      // OpenPayment: its order with key (3), reference (4) and amount (5).
      let digits = pending.lastPathComponent
      let bytes = stride(from: 0, to: 32, by: 2).map { place in
        UInt8(digits.dropFirst(place).prefix(2), radix: 16) ?? 0
      }
      try Data([0x0A, 25, 0x1A, 16] + bytes + [0x22, 3] + Array("A-1".utf8) + [0x28, 100]).write(to: pending)
    }
    let before = try? Data(contentsOf: pending)
    let paid = try desk.terminal(
      ["pay", "--order", "A-1", "--amount", "777", "--currency", "KRW", "--key", key], input: Desk.card)
    #expect(paid.status == 2, "\(paid)")
    #expect(paid.errors.contains("a payment with other contents stands under this key"), "\(paid)")
    #expect(paid.errors.contains("countersign-terminal status \(key)"), "\(paid)")
    #expect((try? Data(contentsOf: pending)) == before)
    #expect(try desk.terminal(["status", key]).good().output.contains("APPROVED"))
  }

  /// The login is refused, which says nothing of a payment that was sent before.
  @Test func outsideTheHoursAnOpenPaymentIsNotSaidToBeNotCharged() throws {
    let desk = try Self.desk.get()
    let key = try Self.key(of: desk.pay(card: Desk.card).good())
    let digits = key.filter { $0 != "-" }
    let pending = URL(filePath: "\(desk.server.root)/terminal/pending/\(digits)")
    // OpenPayment: its order with key (3), reference (4) and amount (5).
    let bytes = stride(from: 0, to: 32, by: 2).map { UInt8(digits.dropFirst($0).prefix(2), radix: 16) ?? 0 }
    try Data([0x0A, 25, 0x1A, 16] + bytes + [0x22, 3] + Array("A-1".utf8) + [0x28, 100]).write(to: pending)
    // Three days from now.
    let day = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"][(time(nil) / 86_400 + 4 + 3) % 7]
    try desk.admin(["company", "policy", "Acme", "--time-zone", "UTC", "--open", "\(day) 03:00-03:01"]).good()
    defer {
      try? FileManager.default.removeItem(at: pending)
      _ = try? desk.admin(["company", "policy", "Acme", "--open", "none"])
    }
    let pay = ["pay", "--order", "A-1", "--amount", "12900", "--currency", "KRW", "--key", key]
    for arguments in [["status"], ["status", key], pay] {
      let asked = try desk.terminal(arguments, input: Desk.card)
      #expect(asked.status == 2 && asked.errors.contains("OUTSIDE_HOURS"), "\(asked)")
      #expect(asked.errors.contains("whether it was charged stays unknown: key \(key)"), "\(asked)")
      #expect(!asked.errors.contains("nothing was charged"), "\(asked)")
    }
  }

  private static func key(of paid: ProgramResult) throws -> String {
    let line = try #require(paid.output.split(separator: "\n").first { $0.hasPrefix("key ") }, "\(paid)")
    return String(line.dropFirst(4).drop { $0 == " " })
  }
}
