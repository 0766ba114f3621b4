import CountersignRPC
import Messages
import Synchronization
import Testing

@testable import CountersignClient
@testable import Gateway

/// What a gateway does with calls, seen from both sides. Source: proto/PROTOCOL.md, "Gateways".
@Suite struct ForwardingTests {
  @Test func requestsAndRepliesPassAsTheyAre() async throws {
    try await StandInService.behind { gateway, service in
      let channel = try gateway.connect()
      let reply = try await channel.call(CheckoutMethods.getPayment, [8, 1, 0xFF], options: .standard)
      #expect(reply == [8, 1, 0xFF])
      #expect(service.calls.map(\.request) == [[8, 1, 0xFF]])
      await channel.close()
    }
  }

  @Test func aStatusPassesWithAllItsParts() async throws {
    try await StandInService.behind { gateway, service in
      let sent = RPCStatus(
        .aborted, "so it is", reason: "SOME_REASON", facts: ["limit": "64"], retryAfterMilliseconds: 1_234,
        violations: [.init(field: "order.amount", description: "too much")])
      service.answer { _, _ in throw sent }
      let channel = try gateway.connect()
      let status = await #expect(throws: RPCStatus.self) {
        try await channel.call(CheckoutMethods.getPayment, [], options: .standard)
      }
      #expect(status == sent)
      await channel.close()
    }
  }

  @Test func theTimeThatIsLeftGoesOn() async throws {
    try await StandInService.behind { gateway, service in
      let channel = try gateway.connect()
      _ = try await channel.call(
        CheckoutMethods.getPayment, [], options: CallOptions(timeoutMicroseconds: 20_000_000))
      let call = try #require(service.calls.first)
      let left = call.context.deadline - call.at
      #expect((10_000_000_000...20_000_000_000).contains(left))
      await channel.close()
    }
  }

  /// The only place at the service is taken: the second call never gets there.
  @Test func whereNoTimeIsLeftTheGatewaySaysSoAndSendsNothing() async throws {
    let one: (inout Gateway.Configuration) -> Void = { $0.upstreamCalls = 1 }
    try await StandInService.behind(one) { gateway, service in
      let gate = Gate()
      service.answer { request, _ in
        try await gate.pass()
        return request
      }
      let channel = try gateway.connect()
      async let first = channel.call(CheckoutMethods.getPayment, [1], options: .standard)
      try await service.received(1)
      let answers = try await RawCalls.connect(gateway)
      try await answers.send(CheckoutMethods.getPayment, timeoutMicroseconds: 300_000)
      let status = try await answers.next()
      #expect(status?.code == .deadlineExceeded)
      gate.open()
      _ = try await first
      #expect(service.calls.count == 1)
      await answers.close()
      await channel.close()
    }
  }

  @Test func cancelIsPassedOn() async throws {
    try await StandInService.behind { gateway, service in
      let wasCancelled = Gate()
      service.answer { request, _ in
        do {
          try await Task.sleep(for: .seconds(60))
        } catch {
          wasCancelled.open()
          throw error
        }
        return request
      }
      let channel = try gateway.connect()
      let call = Task { try await channel.call(CheckoutMethods.getPayment, [], options: .standard) }
      try await service.received(1)
      call.cancel()
      try await wasCancelled.pass()
      await channel.close()
    }
  }

  @Test func aTerminalWithManyCallsDoesNotHoldUpTheOthers() async throws {
    let one: (inout Gateway.Configuration) -> Void = { ($0.upstreamCalls, $0.upstreamConnections) = (1, 1) }
    try await StandInService.behind(one) { gateway, service in
      let gate = Gate()
      service.answer { request, _ in
        try await gate.pass()
        return request
      }
      let (greedy, modest) = (try gateway.connect(), try gateway.connect())
      let many = (0..<40).map { number in
        Task { try await greedy.call(CheckoutMethods.getPayment, [1, UInt8(number)], options: .standard) }
      }
      // One is at the service and the rest waits before the others come.
      try await service.received(1)
      try await greedy.settle()
      let few = (0..<3).map { number in
        Task { try await modest.call(CheckoutMethods.getPayment, [2, UInt8(number)], options: .standard) }
      }
      try await modest.settle()
      gate.open()
      for task in many + few { _ = try await task.value }
      let places = service.calls.enumerated().filter { $1.request[0] == 2 }.map(\.offset)
      #expect(places.count == 3 && places.last ?? .max <= 7, "\(places)")
      await greedy.close()
      await modest.close()
    }
  }

  /// The greedy address fills what it may have on several connections and goes on asking; the other one needs no answer
  /// to any of its calls.
  @Test func terminalsOfOneAddressLeavePlacesToOthers() async throws {
    let four: (inout Gateway.Configuration) -> Void = { ($0.listenHost, $0.upstreamCalls) = ("::", 4) }
    try await StandInService.behind(four) { gateway, service in
      let gate = Gate()
      service.answer { request, _ in
        if request[0] == 1 { try await gate.pass() }
        return request
      }
      let greedy = try (0..<3).map { _ in try gateway.connect() }
      let many = greedy.flatMap { channel in
        (0..<8).map { number in
          Task { try await channel.call(CheckoutMethods.getPayment, [1, UInt8(number)], options: .standard) }
        }
      }
      try await service.received(3)
      for channel in greedy { try await channel.settle() }
      let modest = try await RawCalls.connect(gateway, host: "::1")
      for number in 0..<5 {
        try await modest.send(CheckoutMethods.getPayment, [2, UInt8(number)], timeoutMicroseconds: 60_000_000)
        #expect(try await modest.next() == nil)
      }
      #expect(service.calls.map { $0.request[0] } == [1, 1, 1, 2, 2, 2, 2, 2])
      gate.open()
      for task in many { _ = try await task.value }
      for channel in greedy { await channel.close() }
      await modest.close()
    }
  }

  @Test func manyTerminalsShareFewConnections() async throws {
    try await StandInService.behind { gateway, service in
      let channels = try (0..<30).map { _ in try gateway.connect() }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for channel in channels {
          group.addTask {
            for number in 0..<10 {
              _ = try await channel.call(CheckoutMethods.getPayment, [UInt8(number)], options: .standard)
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(service.calls.count == 300)
      // The second one may have been made later than all that.
      while Set(service.calls.map(\.context.connection)).count < 2 {
        _ = try await channels[0].call(CheckoutMethods.getPayment, [0], options: .standard)
      }
      #expect(Set(service.calls.map(\.context.connection)).count == 2)
      #expect(service.calls.allSatisfy { $0.context.peer.certificates.first?.organisation == "Acme" })
      for channel in channels { await channel.close() }
    }
  }

  @Test func aCallWhoseConnectionIsLostIsNotSentAgain() async throws {
    try await StandInService.behind { gateway, service in
      service.answer { request, _ in
        try await Task.sleep(for: .seconds(60))
        return request
      }
      let channel = try gateway.connect()
      let call = Task { try await channel.call(CheckoutMethods.submitPayment, [], options: .standard) }
      try await service.received(1)
      await service.stop()
      let status = await #expect(throws: RPCStatus.self) { try await call.value }
      #expect(status?.code == .unavailable && status?.reason == "UPSTREAM_LOST")
      let again = try await StandInService(gateway.service)
      try await gateway.waitUntil(isServing: true)
      let reply = try await channel.call(CheckoutMethods.getPayment, [7], options: .standard)
      #expect(reply == [7])
      #expect(again.calls.map(\.request) == [[7]])
      #expect(channel.connectionsMade == 1)
      await again.stop()
      await channel.close()
    }
  }

  @Test func theServiceIsToldTheTerminalsAddressAndNothingThatTheTerminalSays() async throws {
    try await StandInService.behind { gateway, service in
      let channel = try gateway.connect()
      let lie = [MetadataEntry(key: "countersign-terminal", value: Array("192.0.2.1".utf8))]
      _ = try await channel.call(CheckoutMethods.getPayment, [], options: CallOptions(metadata: lie))
      let told = try #require(service.calls.first).context.metadata
      #expect(told == [MetadataEntry(key: "countersign-terminal", value: Array("127.0.0.1".utf8))])
      await channel.close()
    }
  }

  @Test(arguments: [
    "/countersign.v1.Admin/Revoke", "/countersign.v1.Enrolment/EnrolGateway",
    "/countersign.v1.CompanyGateway/GetPolicy", "/countersign.v1.Nothing/AtAll",
  ])
  func otherCallsAreNotForwarded(_ method: String) async throws {
    try await TestGateway.withKim { gateway, _ in
      let channel = try gateway.connect()
      await expectRefusal("METHOD_UNKNOWN") { _ = try await channel.call(method, [], options: .standard) }
      await channel.close()
    }
  }
}

extension RPCClient {
  /// Waits until the calls of tasks that were started have surely come to the gateway: each of these rounds gives them
  /// time to start, and its answer comes after all that was sent before.
  fileprivate func settle() async throws {
    for _ in 0..<10 {
      try await Task.sleep(for: .milliseconds(20))
      _ = try await call("/countersign.rpc.v1.Health/Check", [], options: .standard)
    }
  }
}
