import Payments
import Testing

@testable import AcquirerISO8583

/// Which answer belongs to which request, without a socket.
@Suite struct PendingRequestsTests {
  private static func key(_ stan: UInt32, messageClass: UInt16 = 2, time: UInt64 = 1_128_090_000) -> RequestKey {
    var key = RequestKey(messageClass: messageClass, stan: stan)
    (key.time, key.terminal, key.retrieval) = (time, 0x5431, (0x3633, 0x31))
    return key
  }

  private static func sale(_ payment: Int64, connection: Int = 1, deadline: Int64 = 100) -> PendingRequest {
    PendingRequest(
      kind: .payment(.sale), payment: payment, amount: 500, connection: connection, deadline: deadline)
  }

  @Test func theFirstAnswerIsOpenAndEveryOtherDoubled() {
    let pending = Table()
    #expect(pending.insert(Self.key(1), Self.sale(7)))
    #expect(pending.openCount == 1)
    #expect(pending.match(Self.key(1)) == .open(Self.sale(7)))
    #expect(pending.openCount == 0)
    #expect(pending.match(Self.key(1)) == .doubled(Self.sale(7)))
    #expect(pending.match(Self.key(1)) == .doubled(Self.sale(7)))
  }

  @Test func aDifferenceInAnyPartOfTheKeyIsAnotherRequest() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    #expect(pending.match(Self.key(2)) == .unknown)
    #expect(pending.match(Self.key(1, messageClass: 4)) == .unknown)
    #expect(pending.match(Self.key(1, time: 1_128_090_001)) == .unknown)
    var terminal = Self.key(1)
    terminal.terminal = 0x5432
    #expect(pending.match(terminal) == .unknown)
    var retrieval = Self.key(1)
    retrieval.retrieval.tail = 0x32
    #expect(pending.match(retrieval) == .unknown)
    #expect(pending.match(Self.key(1)) == .open(Self.sale(7)))
  }

  @Test func aKeyThatIsOpenForAnotherPaymentIsNotTaken() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    #expect(!pending.insert(Self.key(1), Self.sale(8)))
    #expect(pending.match(Self.key(1)) == .open(Self.sale(7)))
    #expect(pending.insert(Self.key(1), Self.sale(8)))
  }

  @Test func theSameMessageSentAgainIsOneRequest() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    #expect(pending.insert(Self.key(1), Self.sale(7, deadline: 200)))
    #expect(pending.openCount == 1)
    #expect(pending.expire(now: 150).isEmpty)
    #expect(pending.expire(now: 200).map(\.payment) == [7])
  }

  @Test func anAnswerAfterTheDeadlineIsLateAndThenDoubled() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    _ = pending.insert(Self.key(2), Self.sale(8, deadline: 300))
    #expect(pending.expire(now: 99).isEmpty)
    #expect(pending.expire(now: 100) == [Self.sale(7)])
    #expect(pending.expire(now: 101).isEmpty)
    #expect(pending.openCount == 1)
    #expect(pending.match(Self.key(1)) == .late(Self.sale(7)))
    #expect(pending.match(Self.key(1)) == .doubled(Self.sale(7)))
  }

  @Test func whatWasAnsweredDoesNotExpire() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    _ = pending.match(Self.key(1))
    #expect(pending.expire(now: 1_000).isEmpty)
  }

  @Test func aLostConnectionGivesUpItsOwnRequestsOnly() {
    let pending = Table()
    for stan in 1...4 as ClosedRange<UInt32> {
      _ = pending.insert(Self.key(stan), Self.sale(Int64(stan), connection: Int(stan % 2)))
    }
    #expect(pending.lose(connection: 1).map(\.payment) == [1, 3])
    #expect(pending.openCount == 2)
    #expect(pending.match(Self.key(1)) == .late(Self.sale(1, connection: 1)))
    #expect(pending.match(Self.key(2)) == .open(Self.sale(2, connection: 0)))
  }

  @Test func aSaleOfAFormerProcessIsLate() {
    let pending = Table()
    pending.remember(Self.key(1), Self.sale(7))
    #expect(pending.openCount == 0)
    #expect(pending.match(Self.key(1)) == .late(Self.sale(7)))
  }

  @Test func rememberingDoesNotDisturbAnOpenRequest() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    pending.remember(Self.key(1), Self.sale(7))
    #expect(pending.match(Self.key(1)) == .open(Self.sale(7)))
  }

  @Test func whatWasNotSentIsForgotten() {
    let pending = Table()
    _ = pending.insert(Self.key(1), Self.sale(7))
    pending.withdraw(Self.key(1))
    #expect(pending.openCount == 0)
    #expect(pending.expire(now: 1_000).isEmpty)
    #expect(pending.match(Self.key(1)) == .unknown)
  }

  @Test func onlyTheLatestThatAreOverAreKept() {
    let pending = Table(remembered: 3)
    for stan in 1...5 as ClosedRange<UInt32> {
      _ = pending.insert(Self.key(stan), Self.sale(Int64(stan)))
      _ = pending.match(Self.key(stan))
    }
    _ = pending.insert(Self.key(6), Self.sale(6))
    #expect(pending.match(Self.key(1)) == .unknown)
    #expect(pending.match(Self.key(2)) == .unknown)
    #expect(pending.match(Self.key(3)) == .doubled(Self.sale(3)))
    #expect(pending.match(Self.key(6)) == .open(Self.sale(6)))
  }

  @Test func aKeyUsedAgainIsNotForgottenWithItsFormerUse() {
    let pending = Table(remembered: 2)
    _ = pending.insert(Self.key(1), Self.sale(1))
    _ = pending.match(Self.key(1))
    _ = pending.insert(Self.key(1), Self.sale(9))
    for stan in 2...5 as ClosedRange<UInt32> {
      _ = pending.insert(Self.key(stan), Self.sale(Int64(stan)))
      _ = pending.match(Self.key(stan))
    }
    #expect(pending.match(Self.key(1)) == .open(Self.sale(9)))
  }

  /// 200,000 random steps against a table that forgets nothing.
  @Test func randomStepsGiveWhatAnEndlessTableGives() {
    var dice = Dice(state: 3)
    let pending = Table(remembered: 1 << 20)
    var model: [UInt32: (phase: Int, deadline: Int64)] = [:]
    var now: Int64 = 0
    for step in 0..<200_000 {
      let stan = UInt32(dice.roll(500))
      switch dice.roll(4) {
      case 0, 1:
        let isOpen = model[stan]?.phase == 0
        let taken = pending.insert(Self.key(stan), Self.sale(Int64(step), deadline: now + 50))
        #expect(taken == !isOpen)
        if taken { model[stan] = (0, now + 50) }
      case 2:
        let found =
          switch pending.match(Self.key(stan)) {
          case .open: 0
          case .late: 1
          case .doubled: 2
          case .unknown: 3
          }
        #expect(found == model[stan]?.phase ?? 3)
        if let deadline = model[stan]?.deadline { model[stan] = (2, deadline) }
      default:
        now += Int64(dice.roll(3))
        let due = model.filter { $0.value.phase == 0 && $0.value.deadline <= now }
        #expect(pending.expire(now: now).count == due.count)
        for (stan, entry) in due { model[stan] = (1, entry.deadline) }
      }
    }
    #expect(pending.openCount == model.values.count { $0.phase == 0 })
  }
}

/// The table behind a reference, so that expectations may change it.
private final class Table {
  private var pending: PendingRequests

  init(remembered: Int = 65_536) { pending = PendingRequests(remembered: remembered) }

  var openCount: Int { pending.openCount }
  func insert(_ key: RequestKey, _ request: PendingRequest) -> Bool { pending.insert(key, request) }
  func withdraw(_ key: RequestKey) { pending.withdraw(key) }
  func remember(_ key: RequestKey, _ request: PendingRequest) { pending.remember(key, request) }
  func match(_ key: RequestKey) -> PendingRequests.Match { pending.match(key) }
  func expire(now: Int64) -> [PendingRequest] { pending.expire(now: now) }
  func lose(connection: Int) -> [PendingRequest] { pending.lose(connection: connection) }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice {
  var state: UInt64
  /// 0 up to `sides` - 1.
  mutating func roll(_ sides: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ mixed >> 31) % UInt64(sides))
  }
}
