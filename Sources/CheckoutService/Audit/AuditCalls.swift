import Audit
import Bytes
import CountersignRPC
import Cryptography
import Messages
import Payments
import StorageSQLite

/// The calls of `countersign.v1.Audit`, for connections with an administrator's certificate.
struct AuditCalls: AuditServiceProtocol {
  /// Milliseconds between two looks for a head that is about to come.
  private static let headInterval: Int64 = 50
  /// Longest wait for a head: ten times as long as the ledger leaves a record without one.
  private static let headWait: Int64 = 10_000

  /// Says who an administrator is.
  let admin: AdminCalls
  let reader: AuditReader
  /// Signs heads, and receipts.
  let key: PrivateKey
  let serviceName: String
  let tokens = ExportTokens()

  private var refusals: RefusalJournal { admin.refusals }
  private var clock: ServiceClock { admin.clock }

  func getAuditKey(_ request: GetAuditKeyRequest, context: ServerContext) async throws -> GetAuditKeyReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await admin.administrator(context)
      var reply = GetAuditKeyReply()
      reply.publicKey = key.publicKey.der
      reply.service = serviceName
      return reply
    }
  }

  func makeReceipt(_ request: MakeReceiptRequest, context: ServerContext) async throws -> MakeReceiptReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await admin.administrator(context)
      let (asked, number) = try await payment(request)
      try await journal(.receiptRead, "\(asked), by \(administrator)")
      guard let number, let last = try await reader.lastNumber(payment: number) else {
        throw ServiceRefusal(.paymentNotFound)
      }
      let until = try await head(over: last)
      let records = try await reader.standing(payment: number, until: until.last)
      guard records.count <= Receipt.mostRecords else {
        throw ServiceRefusal(
          .invalidField, field: "which",
          description: "has \(records.count) records, more than the \(Receipt.mostRecords) of a receipt; export them, "
            + "with countersign-admin audit export")
      }
      var proofs: [Receipt.Proof] = []
      for number in records { proofs.append(try await reader.proof(of: number, under: try await head(over: number))) }
      var reply = MakeReceiptReply()
      reply.receipt = try Receipt(key: key, proofs: proofs, until: until.last, time: until.time).encoded
      return reply
    }
  }

  /// What was asked for, and its number; nil where there is none.
  private func payment(_ request: MakeReceiptRequest) async throws -> (asked: String, number: Int64?) {
    switch request.which {
    case .payment(let number): return ("payment \(number)", Int64(clamping: number))
    case .idempotencyKey(let bytes):
      guard let key = Bytes16(bytes) else {
        throw ServiceRefusal(.invalidField, field: "idempotency_key", description: "must be 16 bytes")
      }
      let found = try await reader.payments(key: key)
      guard found.count < 2 else {
        throw ServiceRefusal(
          .invalidField, field: "idempotency_key",
          description: "several companies used it: name the payment by its number, \(found.map(String.init))")
      }
      return ("key \(Hex.encode(bytes))", found.first)
    case nil:
      throw ServiceRefusal(.invalidField, field: "which", description: "name a payment or an idempotency key")
    }
  }

  /// The head over a record, waited for where the record is newer than the last one.
  private func head(over number: Int64) async throws -> JournalHead {
    let end = clock.monotonic() + Self.headWait
    while true {
      if let head = try await reader.head(over: number) { return head }
      guard clock.monotonic() < end else { throw ServiceRefusal(.noHeadYet, cause: "record \(number)") }
      try await Task.sleep(for: .milliseconds(Self.headInterval))
    }
  }

  private func journal(_ kind: EventKind, _ text: String) async throws {
    let now = clock.wall()
    _ = try await admin.ledger.perform(fromReserve: true) { store in
      try store.insertEvent(EventRow(kind: kind, time: now, text: text))
    }
  }
}

// MARK: - Exports

extension AuditCalls {
  func beginExport(_ request: BeginExportRequest, context: ServerContext) async throws -> BeginExportReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await admin.administrator(context)
      let range = try await range(request)
      try await journal(.exportRead, "records \(range.lowerBound) to \(range.upperBound), by \(administrator)")
      var reply = BeginExportReply()
      reply.token = tokens.make(range, for: context.peer.certificates.first)
      (reply.first, reply.last) = (UInt64(range.lowerBound), UInt64(range.upperBound))
      return reply
    }
  }

  /// The records of whole heads that were asked for.
  private func range(_ request: BeginExportRequest) async throws -> ClosedRange<Int64> {
    guard request.first == 0 || request.sinceMs == 0 else {
      throw ServiceRefusal(.invalidField, field: "since_ms", description: "comes instead of first, not with it")
    }
    guard request.last == 0 || request.untilMs == 0 else {
      throw ServiceRefusal(.invalidField, field: "until_ms", description: "comes instead of last, not with it")
    }
    let first =
      request.sinceMs == 0
      ? try await reader.head(over: Int64(clamping: max(1, request.first)))
      : try await reader.head(since: Int64(clamping: request.sinceMs))
    let last: JournalHead? =
      if request.untilMs > 0, let head = try await reader.head(since: Int64(clamping: request.untilMs)) {
        head
      } else if request.last > 0 {
        try await reader.head(over: Int64(clamping: request.last))
      } else {
        // All that was recorded before the question, the last second too.
        try await head(over: try await reader.lastNumber())
      }
    guard let first else {
      throw ServiceRefusal(
        .invalidField, field: request.sinceMs == 0 ? "first" : "since_ms", description: "no head is over it yet")
    }
    guard let last else { throw ServiceRefusal(.invalidField, field: "last", description: "no head is over it yet") }
    guard first.first <= last.last else {
      throw ServiceRefusal(
        .invalidField, field: request.last == 0 ? "until_ms" : "last", description: "lies before the beginning")
    }
    return first.first...last.last
  }

  func readExport(_ request: ReadExportRequest, context: ServerContext) async throws -> ReadExportReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await admin.administrator(context)
      guard let range = tokens.range(request.token, for: context.peer.certificates.first) else {
        throw ServiceRefusal(
          .invalidField, field: "token",
          description: "is not this administrator's, or the server was restarted: begin again")
      }
      let from = Int64(clamping: request.from)
      guard range.contains(from) else {
        throw ServiceRefusal(.invalidField, field: "from", description: "is not a record of this export")
      }
      let part = try await reader.part(from: from, to: range.upperBound)
      var reply = ReadExportReply()
      reply.records = part.records.flatMap { record in
        withUnsafeBytes(of: UInt32(record.count).bigEndian) { [UInt8]($0) } + record
      }
      reply.heads = part.heads.flatMap(\.encoded)
      reply.next = part.next > range.upperBound ? 0 : UInt64(part.next)
      return reply
    }
  }
}

/// Shows that an export was begun, and so journaled, without remembering it: first and last number (u64 each) behind
/// HMAC-SHA256 of them and the administrator's certificate, under a key of this process.
struct ExportTokens: Sendable {
  private let key = SecretBytes(copying: randomBytes(32))

  func make(_ range: ClosedRange<Int64>, for administrator: Certificate?) -> [UInt8] {
    let numbers = [range.lowerBound, range.upperBound].flatMap { number in
      withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) }
    }
    return seal(numbers, administrator) + numbers
  }

  /// - Returns: nil where the token is not one of these.
  func range(_ token: [UInt8], for administrator: Certificate?) -> ClosedRange<Int64>? {
    guard token.count == 48 else { return nil }
    let numbers = Array(token[32...])
    let expected = seal(numbers, administrator)
    let isSame = expected.withUnsafeBytes { expected in
      token.withUnsafeBytes { constantTimeEquals(expected, UnsafeRawBufferPointer(rebasing: $0[..<32])) }
    }
    guard isSame, let pair = Bytes16(numbers) else { return nil }
    return Int64(bitPattern: pair.high)...Int64(bitPattern: pair.low)
  }

  private func seal(_ numbers: [UInt8], _ administrator: Certificate?) -> [UInt8] {
    HMACSHA256.authenticate(numbers + (administrator?.fingerprint.bytes ?? []), key: key).bytes
  }
}
