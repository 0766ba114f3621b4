import Authority
import Bytes
import Cryptography
import HTTPPost
import OCSP
import Synchronization

/// Asks outside authorities by OCSP whether certificates are good, and keeps good answers as long as they may serve.
///
/// The service's own certificates are not asked about here: ``LoginRecording`` reads their status in the transaction that
/// writes the session, from the register that the service's own responder answers from.
///
/// Source: docs/security.md, "Status of certificates".
final class OutsideStatus: CertificateStatusSource {
  /// Questions under way at once; more are refused, so that a silent responder cannot hold everything.
  static let largestOpen = 256
  /// Good answers kept; beyond it those that are over go, then all.
  static let largestKept = 20_000

  private struct Key: Hashable {
    let leaf: Bytes32
    let issuer: Bytes32
  }
  private struct State {
    /// Monotonic milliseconds until which a good answer serves.
    var good: [Key: Int64] = [:]
    var asking: [Key: Task<Void, any Error>] = [:]
    var open = 0
  }

  private let authorities: Authorities
  private let client: OCSPClient
  private let clock: ServiceClock
  private let state = Mutex(State())

  init(authorities: Authorities, clock: ServiceClock, client: OCSPClient = OCSPClient()) {
    self.authorities = authorities
    self.client = client
    self.clock = clock
  }

  func check(_ path: VerifiedPath, field: String) async throws {
    guard let authority = authorities.outside(path) else { return }
    do {
      try await check(path, authority)
    } catch var refusal as ServiceRefusal {
      refusal.field = field
      throw refusal
    }
  }

  /// Forgets answers about certificates that were revoked here.
  func forget(_ fingerprints: [Bytes32]) {
    let revoked = Set(fingerprints)
    state.withLock { $0.good = $0.good.filter { !revoked.contains($0.key.leaf) } }
  }

  private func check(_ path: VerifiedPath, _ authority: OutsideAuthority) async throws {
    let key = Key(leaf: path.leaf.fingerprint, issuer: path.issuer.fingerprint)
    guard authority.cached > 0 else { return try await ask(path, authority, key) }
    let now = clock.monotonic()
    // Whoever asks while the same question is under way waits for its answer.
    let task: Task<Void, any Error>? = state.withLock { state in
      if let until = state.good[key], now < until { return nil }
      if let asking = state.asking[key] { return asking }
      let task = Task { [self] in
        defer { self.state.withLock { $0.asking[key] = nil } }
        try await ask(path, authority, key)
      }
      state.asking[key] = task
      return task
    }
    try await task?.value
  }

  private func ask(_ path: VerifiedPath, _ authority: OutsideAuthority, _ key: Key) async throws {
    let isRoom = state.withLock { state in
      guard state.open < Self.largestOpen else { return false }
      state.open += 1
      return true
    }
    guard isRoom else { throw Self.unreachable(path, "\(Self.largestOpen) questions are open") }
    defer { state.withLock { $0.open -= 1 } }
    let addresses = authority.ocspAddress.map { [$0] } ?? path.leaf.ocspAddresses.compactMap(OCSPAddress.init)
    guard !addresses.isEmpty else {
      throw ServiceRefusal(
        .certificateRefused,
        cause: "\(path.leaf.subjectText): no OCSP address in the certificate, and none configured for "
          + path.anchor.name)
    }
    let question = OCSPQuestion(certificate: path.leaf, issuer: path.issuer)
    let answer = try await answer(to: question, of: path, authority, addresses)
    let received = (wall: clock.wall(), monotonic: clock.monotonic())
    let nextUpdate: Int64?
    do throws(OCSPRefusal) {
      nextUpdate = try question.verify(answer, policy: authority.policy, at: received.wall / 1_000)
    } catch {
      throw Self.refusal(path, error)
    }
    let left = nextUpdate.map { max(0, $0 * 1_000 - received.wall) } ?? 0
    keep(key, until: received.monotonic + min(left, authority.cached), now: received.monotonic)
  }

  /// The first of two addresses that answers at all.
  private func answer(
    to question: OCSPQuestion, of path: VerifiedPath, _ authority: OutsideAuthority, _ addresses: [OCSPAddress]
  ) async throws -> [UInt8] {
    let request = try question.der(authority.policy.digest)
    var causes: [String] = []
    for address in addresses.prefix(2) {
      do {
        return try await client.ask(address, request, timeout: authority.timeout)
      } catch let error as HTTPPostError {
        causes.append("\(address.text): \(error)")
      }
    }
    throw Self.unreachable(path, causes.joined(separator: "; "))
  }

  private func keep(_ key: Key, until: Int64, now: Int64) {
    guard until > now else { return }
    state.withLock { state in
      if state.good.count >= Self.largestKept { state.good = state.good.filter { $0.value > now } }
      if state.good.count >= Self.largestKept { state.good = [:] }
      state.good[key] = until
    }
  }

  private static func unreachable(_ path: VerifiedPath, _ cause: String) -> ServiceRefusal {
    ServiceRefusal(.authorityUnreachable, cause: "\(path.leaf.subjectText): authority \(path.anchor.name): \(cause)")
  }

  private static func refusal(_ path: VerifiedPath, _ error: OCSPRefusal) -> ServiceRefusal {
    let cause = "\(path.leaf.subjectText): authority \(path.anchor.name): \(error)"
    switch error.meaning {
    case .unusable: return ServiceRefusal(.authorityUnreachable, cause: cause)
    case .revoked: return ServiceRefusal(.revoked, cause: cause)
    case .unknown: return ServiceRefusal(.certificateUnknown, cause: cause)
    }
  }
}

/// Tells whether a certificate is still good.
protocol CertificateStatusSource: Sendable {
  /// - Parameter field: of the request that holds the chain.
  /// - Throws: ``ServiceRefusal`` where the certificate is not known to be good.
  func check(_ path: VerifiedPath, field: String) async throws
}
