import Bytes
import Cryptography
import Payments
import Policy
import Seals
import Synchronization
import Testing

@testable import CheckoutService

/// Questions of one session that wait for an outcome: 256 at once, and those beyond are answered without a wait.
@Suite(.timeLimit(.minutes(1))) struct SessionWaitTests {
  /// Questions that wait until they are let go.
  private final class Questions: Sendable {
    private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

    var count: Int { waiting.withLock { $0.count } }

    func wait() async {
      await withCheckedContinuation { question in waiting.withLock { $0.append(question) } }
    }

    /// Lets the oldest of them go.
    func answer(_ count: Int) {
      let answered = waiting.withLock { waiting in
        defer { waiting.removeFirst(count) }
        return waiting.prefix(count)
      }
      for question in answered { question.resume() }
    }
  }

  private struct Failed: Error {}

  @Test func whatIsBeyond256WaitsNotAtAllUntilOneIsAnswered() async throws {
    let (session, questions) = (try Self.session(), Questions())
    try await withThrowingTaskGroup(of: Int64.self) { group in
      func ask(failing: Bool = false) {
        group.addTask {
          try await session.waiting(atMost: 30_000) { milliseconds in
            if milliseconds > 0 { await questions.wait() }
            if failing { throw Failed() }
            return milliseconds
          }
        }
      }
      ask(failing: true)
      while questions.count < 1 { await Task.yield() }
      for _ in 1..<Limits.outcomeWaitsOfSession { ask() }
      while questions.count < 256 { await Task.yield() }
      // Those that may not wait anyway take no place, and get none.
      for most: Int64 in [0, 30_000, 30_000] {
        let told = await session.waiting(atMost: most) { $0 }
        #expect(told == 0)
      }
      // One that fails gives its place back as any other.
      questions.answer(1)
      await #expect(throws: Failed.self) { try await group.next() }
      let told = await session.waiting(atMost: 30_000) { $0 }
      #expect(told == 30_000)
      ask()
      while questions.count < 256 { await Task.yield() }
      let full = await session.waiting(atMost: 30_000) { $0 }
      #expect(full == 0)
      questions.answer(256)
      for try await told in group { #expect(told == 30_000) }
    }
    #expect(session.state.withLock { $0.waits } == 0)
  }

  /// Another session of the same consultant is not held up by it.
  @Test func eachSessionHasItsOwn() async throws {
    let (session, other, questions) = (try Self.session(), try Self.session(), Questions())
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<256 { group.addTask { await session.waiting(atMost: 1) { _ in await questions.wait() } } }
      while questions.count < 256 { await Task.yield() }
      let (own, others) = (await session.waiting(atMost: 1) { $0 }, await other.waiting(atMost: 1) { $0 })
      #expect(own == 0 && others == 1)
      questions.answer(256)
    }
  }

  private static func session() throws -> LiveSession {
    let digest = SHA256.digest([1])
    let (enc, context) = try HPKE.sender(to: X25519PrivateKey.generate().publicKey, info: [])
    let mac = try #require(MACAddress([2, 0, 0, 0, 0, 1]))
    let row = SessionRow(
      id: Bytes16(high: 1, low: 2), challenge: digest, consultant: 1, company: 1, consultantCertificate: digest,
      companyCertificate: digest, macAddress: mac, enc: try #require(Bytes32(enc)), sealingKey: [], statement: digest,
      path: 0, loginTime: 0)
    return LiveSession(
      row: row, keys: SessionKeys(context: context, statement: digest), rules: CurrentRules(), loginMonotonic: 0, now: 0
    )
  }
}
