import Bytes

/// One payment on its way through the writer: what was ordered, by whom, and whom to answer.
///
/// Trivial on purpose (no reference, no allocation): thousands stand in one batch.
public struct Intent: Sendable, BitwiseCopyable {
  /// Version 7 UUID; with `company` it names the payment for good.
  public var key: Bytes16
  public var session: Bytes16
  /// Sequence of the sealed call.
  public var sequence: UInt64
  /// SHA-256(pack("countersign/1 stored identity", session, identity)) of the identity *extracted* from the keyword.
  public var identityDigest: Bytes32
  /// *Extracted* from the keyword.
  public var macAddress: MACAddress
  /// Random start id of the server process that issued the identity.
  public var process: UInt64
  public var company: Int64
  public var consultant: Int64
  /// Minor units of `currency`.
  public var amount: UInt64
  public var currency: Currency
  /// Months, 0 for a single payment.
  public var instalments: UInt8
  /// Monotonic clock in milliseconds after which the intent must not be recorded.
  public var notAfter: Int64
  /// Where the order reference lies in ``PaymentBatch/bytes``.
  public var reference: Range32
  public var card: StoredCard
  /// What only the acquirer may see; zeroed once it has answered.
  public var secrets: CardSecrets
  public var reply: ReplyToken
  /// What the company's policy says against a new payment; one that exists is told all the same.
  public var policyRefusal: PolicyRefusal?
  /// What the company's payments of this day may come to; nil: anything.
  public var dayLimit: DayLimit?

  public init(
    key: Bytes16, session: Bytes16, sequence: UInt64, identityDigest: Bytes32, macAddress: MACAddress, process: UInt64,
    company: Int64, consultant: Int64, amount: UInt64, currency: Currency, instalments: UInt8, notAfter: Int64,
    reference: Range32, card: StoredCard, secrets: CardSecrets, reply: ReplyToken,
    policyRefusal: PolicyRefusal? = nil, dayLimit: DayLimit? = nil
  ) {
    self.key = key
    self.session = session
    self.sequence = sequence
    self.identityDigest = identityDigest
    self.macAddress = macAddress
    self.process = process
    self.company = company
    self.consultant = consultant
    self.amount = amount
    self.currency = currency
    self.instalments = instalments
    self.notAfter = notAfter
    self.reference = reference
    self.card = card
    self.secrets = secrets
    self.reply = reply
    self.policyRefusal = policyRefusal
    self.dayLimit = dayLimit
  }
}

/// A range of a byte buffer.
public struct Range32: Sendable, BitwiseCopyable, Equatable {
  public var start: UInt32
  public var count: UInt32
  public init(start: UInt32, count: UInt32) {
    self.start = start
    self.count = count
  }
}

/// Whom to answer: opaque to writer and store, understood by the event loop that made it.
public struct ReplyToken: Sendable, BitwiseCopyable, Hashable {
  /// Index of the event loop.
  public var loop: UInt32
  /// The loop's slot for the open call.
  public var slot: UInt32
  /// Guards against a slot that has been used again.
  public var generation: UInt64
  public init(loop: UInt32, slot: UInt32, generation: UInt64) {
    self.loop = loop
    self.slot = slot
    self.generation = generation
  }
}

/// Card data as the database keeps it.
public struct StoredCard: Sendable, BitwiseCopyable {
  /// First 16 bytes of HMAC-SHA256 over the whole PAN under the fingerprint key.
  public var fingerprint: Bytes16
  /// Expiry as year * 100 + month, for comparing repeats.
  public var expiry: UInt32
  /// Version of the data key that sealed `box`.
  public var keyVersion: UInt32
  /// Nonce (12), AES-256-GCM of PAN padded with zero bytes to 19 (19), tag (16); 47 bytes.
  public var box: InlineArray<47, UInt8>
  /// First six digits as a number.
  public var firstSix: UInt32
  /// Last four digits as a number.
  public var lastFour: UInt32
  /// Digits of the PAN, 12 to 19.
  public var length: UInt8

  public init(
    fingerprint: Bytes16, expiry: UInt32, keyVersion: UInt32, box: InlineArray<47, UInt8>, firstSix: UInt32,
    lastFour: UInt32, length: UInt8
  ) {
    self.fingerprint = fingerprint
    self.expiry = expiry
    self.keyVersion = keyVersion
    self.box = box
    self.firstSix = firstSix
    self.lastFour = lastFour
    self.length = length
  }
}

/// ISO 4217 code, three upper-case letters, first letter most significant.
public struct Currency: Hashable, Sendable, BitwiseCopyable {
  /// The three ASCII letters as one number.
  public let value: UInt32

  /// - Returns: nil where `text` is not three upper-case letters. Whether the code exists is ``Currencies``' matter.
  @inlinable
  public init?(_ text: some Collection<UInt8>) {
    guard text.count == 3, text.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return nil }
    value = text.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
  }

  /// The code as a store keeps it: ``value`` of a currency that was checked when it was recorded.
  public init(stored value: UInt32) { self.value = value }

  /// The code as text.
  public var text: String {
    String(
      decoding: [
        UInt8(truncatingIfNeeded: value >> 16), UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value),
      ], as: UTF8.self)
  }
}
