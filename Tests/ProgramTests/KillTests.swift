import CountersignRPC
import Foundation
import Messages
import Testing

@testable import CountersignClient

/// The server is killed during payments, again and again. Source: docs/payments.md, "Crash rules".
@Suite(.serialized) struct KillTests {
  static let rounds = 6

  @Test func everyAcknowledgedPaymentIsThereOnceAndEveryOtherOnceOrNotAtAll() async throws {
    let desk = try Desk()
    let folder = TerminalFolder("\(desk.server.root)/terminal")
    let terminal = try Terminal(
      folder: folder, passphrase: .init(copying: Array("correct horse".utf8)), program: "kill/1")
    var told: [[UInt8]: PaymentResult] = [:]
    var untold: [[UInt8]] = []
    for _ in 0..<Self.rounds {
      let session = try await terminal.login()
      let attempts = try await Self.payUntilKilled(desk.server, session)
      for (key, result) in attempts {
        if let result { told[key] = result } else { untold.append(key) }
      }
      try desk.server.start()
    }
    #expect(!told.isEmpty)
    #expect(!untold.isEmpty, "no kill came between a request and its answer")
    let session = try await terminal.login()
    for (key, before) in told {
      let after = try await session.payment(key: key)
      #expect(after == before)
    }
    for key in untold {
      let first = try await session.payment(key: key, waitMilliseconds: 20_000)
      let second = try await session.payment(key: key)
      #expect(first == second)
      #expect(first?.outcome != .pending)
    }
    let numbers = told.values.map(\.payment)
    #expect(Set(numbers).count == numbers.count)
  }

  /// Sends payments side by side until the server is killed some time after the first answer; nil for those that got no
  /// answer.
  ///
  /// - Parameter cards: paid with in turn.
  static func payUntilKilled(
    _ server: ServerProcess, _ session: TerminalSession, cards: [String] = ["4111111111111111"]
  ) async throws -> [([UInt8], PaymentResult?)] {
    let (answers, answered) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    let order = Order(reference: "K-1", amount: 500, currency: "KRW", validForMilliseconds: 60_000)
    let paying = Task {
      await withTaskGroup(of: [([UInt8], PaymentResult?)].self) { group in
        for index in 0..<8 {
          var card = CardData()
          card.cardNumber = cards[index % cards.count]
          (card.expiryYear, card.expiryMonth) = (2_035, 12)
          group.addTask { [card] in await send(session, order, card, answered) }
        }
        let attempts = await group.reduce(into: []) { $0 += $1 }
        answered.finish()
        return attempts
      }
    }
    for await _ in answers { break }
    try await Task.sleep(for: .milliseconds(Int.random(in: 0...300)))
    server.kill()
    return await paying.value
  }

  private static func send(
    _ session: TerminalSession, _ order: Order, _ card: CardData, _ answered: AsyncStream<Void>.Continuation
  ) async -> [([UInt8], PaymentResult?)] {
    var attempts: [([UInt8], PaymentResult?)] = []
    while true {
      let key = session.makeKey()
      do {
        let sealed = try await session.sealAhead(order, key: key, card: card)
        let reply = try await session.client.submitPayment(
          sealed.request, options: CallOptions(timeoutMicroseconds: 5_000_000, isSealed: true))
        let answer = await session.open(reply, to: sealed, key: session.own(key))
        guard case .result(let result)? = answer else { return attempts }
        attempts.append((key, result))
        if result.outcome != .pending { answered.yield() }
      } catch {
        attempts.append((key, nil))
        return attempts
      }
    }
  }
}
