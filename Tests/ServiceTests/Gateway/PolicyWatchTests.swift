import CountersignRPC
import Foundation
import Logging
import Policy
import Testing

@testable import Gateway

/// When a gateway asks what its company allows. Source: docs/security.md, "Company policy".
@Suite struct PolicyWatchTests {
  @Test func aFailedQuestionIsAskedAgainSoonAndAnAnsweredOneAfterTheInterval() async throws {
    let service = try TestService()
    try await service.start()
    try await service.addCompany("Acme")
    let folder = GatewayFolder("\(service.root)/gateway")
    try await TestGateway.enrol(service, "Acme", folder)
    let first = try await service.setPolicy { $0.gatewayRequired = true }.policy
    await service.stop()

    let (soon, interval, pauses) = (Duration.milliseconds(500), Duration.seconds(60), Pauses())
    let logger = Logger(label: "test")
    let watch = try PolicyWatch(
      folder.identity(passphrase: TestGateway.passphrase, now: Int64(Date().timeIntervalSince1970 * 1_000)),
      rules: CurrentRules(), upstream: UpstreamState(loops: 1, health: Health(), logger: logger), interval: interval,
      logger: logger, sleep: pauses.sleep)
    watch.start()
    #expect(await pauses.next() == soon)
    #expect(watch.policy == nil)

    try await service.start()
    var pause: Duration?
    // The connection is tried again at its own pace.
    repeat {
      pauses.end()
      pause = await pauses.next()
    } while pause == soon
    #expect(pause == interval)
    #expect(watch.policy == first)

    let second = try await service.setPolicy { $0.openHours = ["daily 08:00-20:00"] }.policy
    #expect(watch.policy == first)
    pauses.end()
    #expect(await pauses.next() == interval)
    #expect(watch.policy == second)
    await watch.stop()
    await service.stop()
  }

  /// Waits between questions, which the test ends.
  private final class Pauses: Sendable {
    private let begun = AsyncStream.makeStream(of: Duration.self)
    private let ended = AsyncStream.makeStream(of: Void.self)

    @Sendable func sleep(_ duration: Duration) async {
      begun.continuation.yield(duration)
      for await _ in ended.stream { return }
    }

    /// How long the next one is to be, once it has begun.
    func next() async -> Duration? {
      for await duration in begun.stream { return duration }
      return nil
    }

    func end() { ended.continuation.yield() }
  }
}
