import Bytes
import Cryptography
import Foundation
import Payments

@testable import StorageSQLite

/// A ledger in a real file below a temporary folder.
final class TestLedger {
  let folder: String
  let key = PrivateKey.generate(.p256)
  var path: String { "\(folder)/ledger.db" }
  var publicKey: String { "\(folder)/public.pem" }

  static let time: Int64 = 1_795_000_000_000

  init(in parent: String = NSTemporaryDirectory()) throws {
    folder = "\(parent)/countersign-ledger-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try SQLiteStore.create(path: path)
    try Data(key.publicKey.pem).write(to: URL(fileURLWithPath: publicKey))
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// A program that another test is about to start holds all locks of this process until it runs.
  func open(_ path: String? = nil) throws -> SQLiteStore {
    for _ in 0..<100 {
      do {
        return try openOnce(path)
      } catch StoreError.unavailable(let text) where text.contains("in use by another server process") {
        usleep(20_000)
      }
    }
    return try openOnce(path)
  }

  private func openOnce(_ path: String?) throws -> SQLiteStore {
    try SQLiteStore(path: path ?? self.path, reserve: 0, signer: { [key] in try key.sign($0) })
  }

  /// Copies the files as they are now, as a backup of the disk would.
  func copy() throws -> String {
    let copy = "\(folder)/\(UUID().uuidString).db"
    for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix) }
    return copy
  }

  /// A store with company 1, consultant 1 and a live session with an identity.
  func openWithSession() throws -> SQLiteStore {
    let store = try open()
    try store.begin()
    _ = try store.insertCompany(name: "Acme", time: Self.time)
    _ = try store.insertConsultant(company: 1, name: "Kim", time: Self.time)
    try store.insertSession(Self.session)
    try store.setIdentity(session: Self.session.id, digest: Self.identity, process: 7, sequence: 1)
    try store.commit(lowWater: 0)
    return store
  }

  static let identity = SHA256.digest([1])
  static let mac = MACAddress([2, 0, 0, 0, 0, 1])!
  static let session = SessionRow(
    id: Bytes16(high: 1, low: 2), challenge: SHA256.digest([2]), consultant: 1, company: 1,
    consultantCertificate: SHA256.digest([3]), companyCertificate: SHA256.digest([4]), macAddress: mac,
    enc: SHA256.digest([5]), sealingKey: [1, 2, 3, 4, 5, 6, 7, 8], statement: SHA256.digest([6]), path: 0,
    loginTime: time)

  static func intent(_ number: UInt64, _ change: (inout Intent) -> Void = { _ in }) -> Intent {
    var intent = Intent(
      key: Bytes16(high: 0x0190_0000_0000_7000, low: number), session: session.id, sequence: number,
      identityDigest: identity, macAddress: mac, process: 7, company: 1, consultant: 1, amount: 100 + number,
      currency: Currency(Array("KRW".utf8))!, instalments: 0, notAfter: .max, reference: Range32(start: 0, count: 3),
      card: StoredCard(
        fingerprint: Bytes16(high: 9, low: number), expiry: 203_512, keyVersion: 1, box: .init(repeating: 5),
        firstSix: 411_111, lastFour: 1_111, length: 16), secrets: .empty,
      reply: ReplyToken(loop: 0, slot: 0, generation: 0))
    change(&intent)
    return intent
  }
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

/// On or off, for a closure that a store keeps.
final class Switch {
  var isOn = true
}

extension SQLiteStore {
  func record(
    _ intent: Intent, original: OriginalElements? = nil, unlessKnown refusal: PaymentRefusal? = nil
  ) throws -> IntentResult {
    try Array("A-1".utf8).withUnsafeBytes {
      try insertIntent(intent, reference: $0, original: original, time: TestLedger.time, unlessKnown: refusal)
    }
  }

  /// One transaction.
  func write(_ body: (SQLiteStore) throws -> Void) throws {
    try begin()
    try body(self)
    try commit(lowWater: 0)
  }
}

extension IntentResult {
  var number: Int64? {
    if case .recorded(let number) = self { return number }
    return nil
  }
  var refusal: PaymentRefusal? {
    if case .refused(let refusal) = self { return refusal }
    return nil
  }
  var known: StoredPayment? {
    if case .exists(let stored) = self { return stored }
    return nil
  }
}
