import CountersignRPC
import Files
import Foundation
import Messages
import TestAcquirer
import TestPrograms
import Testing

@testable import CheckoutService
@testable import CountersignClient

/// Keys of the card vault while payments go on. Tests/Python/cards.py opens the cards from docs/security.md alone.
@Suite struct VaultTests {
  static let cards = ["4111111111111111", "5555555555554444"]

  @Test func aRotationSealsEveryCardAgainWhilePaymentsGoOnAndTheJournalStaysValid() async throws {
    try await TestService.withKim { service, kim in
      try await Self.pay(kim, 450)
      #expect(try service.openCards() == ["1 450"] + Self.cards)
      let started = try await service.rotateKeys()
      #expect(started.state == .done && started.result == 2)
      let state = try await service.administrator().run { try await $0.getVault(.init()) }
      #expect(state.keyVersion == 2 && state.knownVersions == [1, 2] && state.last > 0 && state.place == "file")
      try await Self.pay(kim, 60)
      let ended = try await service.untilRotated()
      #expect(ended.keyVersion == 2 && ended.cards == 450 && ended.position <= ended.last)
      #expect(try service.openCards() == ["2 510"] + Self.cards)
      #expect(try service.journal("KEY_ROTATION_FINISHED") == ["data key 2, 450 cards"])
      #expect(try service.journal("KEY_ROTATION_STARTED").first?.contains("data key 2, by CN=Park") == true)
      await service.stop()
      try service.verifyJournal()
    }
  }

  @Test func aSecondRotationFollowsTheFirstAndIsRefusedMeanwhile() async throws {
    try await TestService.withKim { service, kim in
      try await Self.pay(kim, 10)
      _ = try await service.rotateKeys()
      _ = try await service.untilRotated()
      let second = try await service.rotateKeys()
      #expect(second.result == 3)
      _ = try await service.untilRotated()
      #expect(try service.openCards() == ["3 10"] + Self.cards)
      // As a crash leaves it in the middle.
      try service.change("UPDATE rotation SET finished = 0, position = 0, cards = 0")
      await expectRefusal("ROTATION_RUNNING") {
        _ = try await service.rotateKeys()
      }
      await service.stop()
      try await service.start()
      let ended = try await service.untilRotated()
      #expect(ended.keyVersion == 3 && ended.position == ended.last && ended.cards == 0)
    }
  }

  @Test func aKeyThatACrashLeftWithoutItsRotationIsUsedAtTheNextStart() async throws {
    try await TestService.withKim { service, kim in
      try await Self.pay(kim, 10)
      await service.stop()
      _ = try VaultKeys.addDataKey(in: DataFolder("\(service.root)/server"))
      try await service.start()
      let ended = try await service.untilRotated()
      #expect(ended.keyVersion == 2 && ended.cards == 10)
      #expect(try service.openCards() == ["2 10"] + Self.cards)
      #expect(try service.journal("KEY_ROTATION_STARTED") == ["data key 2, by the server's start"])
    }
  }

  @Test func aNewKeyEncryptionKeyWrapsAllKeysAndLeavesCardsAsTheyAre() async throws {
    try await TestService.withKim { service, kim in
      try await Self.pay(kim, 10)
      let former = try Files.readSecret("\(service.root)/server/vault/kek.key")
      let asked = try await service.administrator().run { try await $0.rewrapKeys(.init()) }
      let act = try await service.confirmKeyAct(asked.number)
      #expect(act.state == .done && act.result == 2)
      #expect(try Files.readSecret("\(service.root)/server/vault/kek.key") != former)
      #expect(try service.openCards() == ["1 10"] + Self.cards)
      try await Self.pay(kim, 10)
      await service.stop()
      try await service.start()
      try await Self.pay(kim, 10)
      #expect(try service.openCards() == ["1 30"] + Self.cards)
      #expect(try service.journal("KEYS_REWRAPPED").count == 1)
    }
  }

  /// Every state that a change of the key-encryption key can be cut off in.
  @Test(arguments: 0...4) func aChangeOfTheKeyEncryptionKeyCanBeCutOffAnywhere(_ done: Int) throws {
    let service = try TestService()
    let folder = DataFolder("\(service.root)/server")
    let before = try VaultKeys(reading: folder)
    let names = ["data-1.key", "fingerprint-1.key"]
    var old: [String: [UInt8]] = [:]
    for name in names + ["kek.key"] { old[name] = try Files.readSecret(folder.file("vault/\(name)")) }
    _ = try VaultKeys.rewrap(in: folder)
    try moveFile(folder.file("vault/kek.key"), to: folder.file("vault/kek-next.key"))
    for (index, name) in names.enumerated() where index >= done {
      try Files.write(try #require(old[name]), to: folder.file("vault/\(name)"))
    }
    if done < 3 { try Files.write(try #require(old["kek.key"]), to: folder.file("vault/kek.key")) }
    if done == 4 { try moveFile(folder.file("vault/kek-next.key"), to: folder.file("vault/kek.key")) }
    let cut = try VaultKeys(reading: folder)
    try VaultKeys.recover(in: folder)
    let after = try VaultKeys(reading: folder)
    for keys in [cut, after] {
      #expect(keys.fingerprint.withUnsafeBytes { [UInt8]($0) } == before.fingerprint.withUnsafeBytes { [UInt8]($0) })
      #expect(keys.data[1]?.withUnsafeBytes { [UInt8]($0) } == before.data[1]?.withUnsafeBytes { [UInt8]($0) })
    }
    #expect(!Files.exists(folder.file("vault/kek-next.key")))
    #expect(try Files.readSecret(folder.file("vault/kek.key")) != old["kek.key"])
  }

  @Test func keysUnderAnotherKeyEncryptionKeyAreNamed() throws {
    let service = try TestService()
    let folder = DataFolder("\(service.root)/server")
    try Files.write([UInt8](repeating: 7, count: 32), to: folder.file("vault/kek.key"))
    #expect {
      _ = try VaultKeys(reading: folder)
    } throws: {
      "\($0)".contains("vault/data-1.key: it is not wrapped under vault/kek.key")
    }
  }

  /// Pays side by side, half with each card.
  private static func pay(_ kim: Terminal, _ count: Int) async throws {
    let session = try await kim.login()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<10 {
        group.addTask {
          for _ in 0..<count / 10 {
            let result = try await session.pay(.test, card: .test(cards[worker % 2]))
            #expect(result.outcome == .approved)
          }
        }
      }
      try await group.waitForAll()
    }
    try await session.logout()
  }
}

extension TestService {
  /// Waits for the end of a rotation.
  func untilRotated() async throws -> VaultState {
    while true {
      let state = try await administrator().run { try await $0.getVault(GetVaultRequest()) }
      guard state.isRotating else { return state }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// "VERSION COUNT" for each data key, then each card, as an independent program opens them.
  func openCards() throws -> [String] {
    try Repository.runPython("cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault"]).good().lines
      .map(String.init)
  }

  func verifyJournal() throws {
    try Repository.runPython("journal.py", ["\(root)/server/ledger.db", "\(root)/server/audit/public.pem"]).good()
  }

  /// Changes the ledger behind the service's back.
  func change(_ statement: String) throws {
    try runProgram("sqlite3", ["\(root)/server/ledger.db", statement]).good()
  }

  /// One security officer asks for it, another one confirms it.
  func rotateKeys() async throws -> KeyAct {
    let asked = try await administrator().run { try await $0.rotateKeys(.init()) }
    return try await confirmKeyAct(asked.number)
  }

  /// Confirms as a second security officer, Park.
  func confirmKeyAct(_ number: UInt64) async throws -> KeyAct {
    var request = ConfirmKeyActRequest()
    request.number = number
    return try await park().run { [request] in try await $0.confirmKeyAct(request) }
  }

  func park() async throws -> Administrator {
    guard Files.exists("\(root)/Park") else { return try await addAdministrator("Park", [.securityOfficer]) }
    return try Administrator(
      certificate: "\(root)/Park/chain.pem", key: "\(root)/Park/key.pem", host: "127.0.0.1", port: port)
  }
}
