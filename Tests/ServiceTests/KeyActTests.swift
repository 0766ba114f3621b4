import CountersignRPC
import Messages
import Payments
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// Acts on the vault's keys need two security officers. Source: docs/security.md, "Card data".
@Suite struct KeyActTests {
  @Test func nothingIsDoneBeforeAnotherOneConfirms() async throws {
    try await TestService.withKim { service, _ in
      let tester = try service.administrator()
      let asked = try await tester.run { try await $0.rotateKeys(.init()) }
      #expect(asked.state == .requested && asked.kind == .rotate && asked.requestedBy == "tester")
      #expect(asked.confirmUntilMs == asked.timeMs + 30 * 60 * 1_000)
      await expectRefusal("SECOND_ADMINISTRATOR_REQUIRED", field: "number") {
        _ = try await tester.run { try await $0.confirmKeyAct(.numbered(asked.number)) }
      }
      let before = try await tester.run { try await $0.getVault(.init()) }
      #expect(before.keyVersion == 1 && before.waiting == [asked])

      let done = try await service.confirmKeyAct(asked.number)
      #expect(done.state == .done && done.confirmedBy == "Park" && done.result == 2)
      let after = try await tester.run { try await $0.getVault(.init()) }
      #expect(after.keyVersion == 2 && after.waiting.isEmpty)
      let journal = try service.journal("KEY_ACT")
      #expect(journal.count == 2)
      #expect(journal.first?.hasPrefix("rotate asked for, by CN=tester") == true, "\(journal)")
      #expect(journal.last?.hasPrefix("rotate \(asked.number) confirmed, by CN=Park") == true, "\(journal)")
    }
  }

  @Test func theSameRequestAndTheSameConfirmationAgainAreTheSameAct() async throws {
    try await TestService.withKim { service, _ in
      let tester = try service.administrator()
      let first = try await tester.run { try await $0.rewrapKeys(.init()) }
      #expect(try await tester.run { try await $0.rewrapKeys(.init()) } == first)
      let done = try await service.confirmKeyAct(first.number)
      #expect(try await service.confirmKeyAct(first.number) == done)
      #expect(try service.journal("KEYS_REWRAPPED").count == 1)
      // What is done is asked for anew.
      #expect(try await tester.run { try await $0.rewrapKeys(.init()) }.number > first.number)
    }
  }

  @Test func whatWasCutOffAfterItsConfirmationIsDoneByTheSameOneAlone() async throws {
    try await TestService.withKim { service, _ in
      let asked = try await service.administrator().run { try await $0.rewrapKeys(.init()) }
      _ = try await service.confirmKeyAct(asked.number)
      try service.change("UPDATE key_act SET result = NULL")
      let lee = try await service.addAdministrator("Lee", [.securityOfficer])
      let refusal = await expectRefusal("OPERATION_NOT_WAITING", field: "number") {
        _ = try await lee.run { try await $0.confirmKeyAct(.numbered(asked.number)) }
      }
      #expect(refusal?.violations.first?.description == "is CONFIRMED")
      #expect(try await service.confirmKeyAct(asked.number).result == 2)
      #expect(try service.journal("KEYS_REWRAPPED").count == 2)
    }
  }

  @Test func afterHalfAnHourItIsOver() async throws {
    try await TestService.withKim { service, _ in
      let asked = try await service.administrator().run { try await $0.rotateKeys(.init()) }
      _ = try await service.park()
      service.clock.advanceWall(milliseconds: 30 * 60_000)
      let refusal = await expectRefusal("OPERATION_NOT_WAITING", field: "number") {
        _ = try await service.confirmKeyAct(asked.number)
      }
      #expect(refusal?.violations.first?.description == "is EXPIRED")
      #expect(try await service.administrator().run { try await $0.getVault(.init()) }.waiting.isEmpty)
    }
  }

  @Test func anUnknownNumberIsRefused() async throws {
    try await TestService.withKim { service, _ in
      await expectRefusal("OPERATION_NOT_FOUND", field: "number") { _ = try await service.confirmKeyAct(77) }
    }
  }

  @Test(arguments: [
    "elsewhere": "must be \"file\" or a URI pkcs11:", "pkcs11:token=none;object=none": "no such private key",
    "pkcs11:token=a?pin-value=1": "?module-path=PATH and nothing else",
  ])
  func aPlaceThatCannotBeUsedIsRefusedWhenItIsAskedFor(_ place: String, _ words: String) async throws {
    try await TestService.withKim { service, _ in
      var request = RewrapKeysRequest()
      request.place = place
      let refusal = await expectRefusal("INVALID_FIELD", field: "place") { [request] in
        _ = try await service.administrator().run { try await $0.rewrapKeys(request) }
      }
      #expect(refusal?.violations.first?.description.contains(words) == true, "\(String(describing: refusal))")
    }
  }
}

extension ConfirmKeyActRequest {
  fileprivate static func numbered(_ number: UInt64) -> ConfirmKeyActRequest {
    var request = ConfirmKeyActRequest()
    request.number = number
    return request
  }
}
