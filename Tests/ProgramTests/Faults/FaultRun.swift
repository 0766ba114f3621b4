import AcquirerISO8583
import CountersignRPC
import Foundation
import Messages
import Payments
import TestAcquirer
import TestPrograms
import Testing

@testable import CountersignClient

/// A server that charges at the independent test host, and what its terminal was told while faults struck.
///
/// Used by one test at a time, which is why it may be shared with the tasks of that test.
final class FaultRun: @unchecked Sendable {
  typealias Attempt = (key: [UInt8], result: PaymentResult?)

  let server: ServerProcess
  let host: HostProcess
  private let fault: String
  private let terminal: Terminal
  private var told: [[UInt8]: PaymentResult] = [:]
  private var untold: [[UInt8]] = []

  /// At once, slowly, never answered and found by inquiry, never answered and reversed.
  static let cards = ["4111111111111111", "4000000000009037", "4000000000009029", "4000000000009045"]
  /// Lost, reversed twice, reversal overtakes, doubled, late, another STAN.
  static let faultyCards = ["0901", "0905", "0907", "0910", "0911", "0912"].map(behaviour)
  /// The line is cut in the middle of the answer; the answer is no message, and the line ends.
  static let cuttingCards = ["0913", "0916"].map(behaviour)
  /// Declined, and then charged and approved after all. Only while lines stay: an approval that follows a decline and is
  /// lost with its line is told by nothing but a reconciliation.
  static let approvedAfterAll = behaviour("0917")

  /// - Parameters:
  ///   - fault: names the row of the table.
  ///   - disk: what the server's folder is to lie on.
  ///   - environment: of the server.
  init(_ fault: String, disk: SmallDisk? = nil, environment: [String: String] = [:]) throws {
    self.fault = fault
    server = try ServerProcess()
    server.environment = environment
    try disk?.take(server)
    host = try HostProcess(folder: server.root, arguments: ["--delay-ms", "40"])
    server.acquirer = try AcquirerKillTests.acquirer(server, host)
    _ = try Desk(server: server)
    terminal = try Terminal(
      folder: TerminalFolder("\(server.root)/terminal"), passphrase: .init(copying: Array("correct horse".utf8)),
      program: "fault/1")
  }

  /// Printed every ten rounds, for those who wait for many.
  func tellProgress(_ round: Int, of count: Int? = nil) {
    guard round > 0, round.isMultiple(of: 10) else { return }
    tell("progress: \(fault): \(round)\(count.map { " of \($0)" } ?? "")")
  }

  /// At once, since `Scripts/faults` reads through a pipe.
  private func tell(_ line: String) {
    print(line)
    fflush(nil)
  }

  func login() async throws -> TerminalSession { try await terminal.login() }

  func remember(_ attempts: [Attempt]) {
    for (key, result) in attempts {
      if let result, result.outcome != .pending { told[key] = result } else { untold.append(key) }
    }
  }

  // MARK: - Paying

  /// One attempt: nil where there is no answer, or a refusal.
  func attempt(_ session: TerminalSession, _ number: String = cards[0]) async -> Attempt {
    let key = session.makeKey()
    guard let sealed = try? await session.sealAhead(Self.order, key: key, card: Self.card(number)),
      let reply = try? await session.client.submitPayment(
        sealed.request, options: CallOptions(timeoutMicroseconds: 5_000_000, isSealed: true)),
      case .result(let result)? = await session.open(reply, to: sealed, key: session.own(key))
    else { return (key, nil) }
    return (key, result)
  }

  /// Payments side by side, one after the other with each card, each brought to its end.
  func pay(_ session: TerminalSession, count: Int, cards: [String]) async -> [Attempt] {
    await withTaskGroup(of: [Attempt].self) { group in
      for number in cards {
        group.addTask {
          var attempts: [Attempt] = []
          for _ in 0..<count {
            let key = session.makeKey()
            attempts.append((key, try? await session.pay(Self.order, card: Self.card(number), key: key)))
          }
          return attempts
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
  }

  /// Single attempts side by side while `body` runs, which begins when the first has been answered.
  func payMeanwhile(_ session: TerminalSession, _ body: () async throws -> Void) async throws {
    let (answers, answered) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1_000))
    let paying = Task {
      await withTaskGroup(of: [Attempt].self) { group in
        for number in Self.cards {
          group.addTask {
            var attempts: [Attempt] = []
            while !Task.isCancelled {
              // What has begun is brought to its end.
              let attempt = await Task { await self.attempt(session, number) }.value
              attempts.append(attempt)
              answered.yield(attempt.result.map { $0.outcome != .pending } ?? false)
              if attempt.result == nil { try? await Task.sleep(for: .milliseconds(20)) }
            }
            return attempts
          }
        }
        return await group.reduce(into: []) { $0 += $1 }
      }
    }
    do {
      try #require(await answers.prefix(100).contains(true), "no payment is answered before the fault")
      try await body()
    } catch {
      paying.cancel()
      throw error
    }
    paying.cancel()
    remember(await paying.value)
  }

  private static let order = Order(reference: "F-1", amount: 700, currency: "KRW", validForMilliseconds: 20_000)

  private static func card(_ number: String) -> CardData {
    var card = CardData()
    card.cardNumber = number
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    return card
  }

  /// A card that has the host behave as its documentation says of these four digits.
  private static func behaviour(_ number: String) -> String {
    let digits = "40000000000" + number
    let sum = digits.utf8.reversed().enumerated().reduce(0) { sum, digit in
      let value = Int(digit.element - 0x30) * (digit.offset.isMultiple(of: 2) ? 2 : 1)
      return sum + (value > 9 ? value - 9 : value)
    }
    return digits + String((10 - sum % 10) % 10)
  }
}

// MARK: - Judging

extension FaultRun {
  /// Compares what was told with ledger, journal and the acquirer's own log, and prints the row of the table.
  func judge(times: Int) async throws {
    let session = try await login()
    var (lost, unresolved) = (0, 0)
    for (key, before) in told {
      let after = try await session.payment(key: key)
      if after?.outcome != before.outcome || after?.payment != before.payment { lost += 1 }
    }
    #expect(Set(told.values.map(\.payment)).count == told.count, "two payments have one number")
    for key in untold {
      let first = try await settled(key, session)
      if first?.outcome == .pending {
        unresolved += 1
        Issue.record("payment \(first?.payment ?? 0) is still \(first.map { "\($0.state)" } ?? "open")")
      }
      #expect(try await session.payment(key: key)?.outcome == first?.outcome, "an outcome changed")
    }
    let (missing, charged) = try await compareWithHost()
    try verifyJournal()
    let numbers = [times, told.count, lost + missing, charged, unresolved].map { "\($0)".leftPadded(to: 12) }
    tell("fault: \(fault.padding(toLength: 36, withPad: " ", startingAt: 0))\(numbers.joined())")
    #expect(!told.isEmpty)
    #expect(lost + missing == 0 && charged == 0 && unresolved == 0)
  }

  /// A reversal that was sent many times before a fault waits for five minutes until the next.
  private func settled(_ key: [UInt8], _ session: TerminalSession) async throws -> PaymentResult? {
    var result = try await session.payment(key: key, waitMilliseconds: 60_000)
    for _ in 0..<6 where result?.outcome == .pending {
      result = try await session.payment(key: key, waitMilliseconds: 60_000)
    }
    return result
  }

  /// Reversals may be on their way; they come to an end by themselves.
  ///
  /// - Returns: approved payments that the host did not charge, and sales that it charged for nothing.
  private func compareWithHost() async throws -> (missing: Int, charged: Int) {
    var difference = (missing: 0, charged: 0)
    var doubled: Set<String> = []
    for _ in 0..<300 {
      let approved = try Sqlite.lines(
        "\(server.root)/server/ledger.db",
        "SELECT hex(original) FROM payment JOIN outcome ON outcome.payment = payment.seq WHERE outcome.state = 2")
      let names = Set(approved.compactMap(OriginalElements.hostName))
      #expect(names.count == approved.count, "two approved payments share a STAN")
      let charged = host.charged
      doubled = charged.subtracting(names)
      difference = (names.subtracting(charged).count, doubled.count)
      if difference == (0, 0) { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    let lines = host.lines.map { $0.joined(separator: " ") }.filter { line in doubled.contains { line.contains($0) } }
    #expect(doubled.isEmpty, "the host charged for nothing:\n\(lines.joined(separator: "\n"))")
    return difference
  }

  private func verifyJournal() throws {
    #expect(server.stop() == 0)
    let folder = "\(server.root)/server"
    let own = try Program.run(
      "countersign-server", ["audit", "verify", "--data", folder, "--against", "\(folder)/heads"])
    #expect(own.status == 0, "\(own)")
    let journal = try Repository.runPython("journal.py", ["\(folder)/ledger.db", "\(folder)/audit/public.pem"])
    #expect(journal.status == 0, "\(journal)")
  }
}

extension String {
  fileprivate func leftPadded(to count: Int) -> String {
    String(repeating: " ", count: max(0, count - self.count)) + self
  }
}
