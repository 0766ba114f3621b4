import Bytes
import Messages

/// A login as a terminal sent it, decoded so far that its challenge is known.
struct AskedLogin: Sendable {
  let request: LoginRequest
  let statement: LoginStatement
  let challenge: Bytes32

  /// - Throws: ``GatewayRefusal``.
  init(_ bytes: UnsafeRawBufferPointer) throws(GatewayRefusal) {
    do {
      request = try LoginRequest(decoding: bytes)
      statement = try LoginStatement(decoding: request.statement, rules: .signed)
    } catch {
      throw GatewayRefusal(.messageInvalid, cause: "\(error)")
    }
    guard let challenge = Bytes32(statement.challenge) else {
      throw GatewayRefusal(.challengeInvalid, cause: "the challenge has \(statement.challenge.count) bytes")
    }
    self.challenge = challenge
  }
}

/// The challenges that one connection of a terminal fetched and has not used.
struct FetchedChallenges {
  /// Logins that a terminal can have begun; the oldest is forgotten for one more.
  static let most = 8
  /// As long as the service takes them, nanoseconds.
  static let lifetime: UInt64 = 60_000_000_000

  private var fetched: [(challenge: Bytes32, at: UInt64)] = []

  /// - Parameter now: monotonic nanoseconds.
  mutating func insert(_ challenge: Bytes32, now: UInt64) {
    if fetched.count == Self.most { fetched.removeFirst() }
    fetched.append((challenge, now))
  }

  /// Whether this connection fetched `challenge`; it can be used once.
  mutating func take(_ challenge: Bytes32, now: UInt64) -> Bool {
    guard let index = fetched.firstIndex(where: { $0.challenge == challenge }) else { return false }
    return now - fetched.remove(at: index).at <= Self.lifetime
  }
}
