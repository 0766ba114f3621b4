import Bytes
import CountersignRPC
import Cryptography
import Messages
import Payments
import Policy

/// The kill switch, lockouts, and what ends soon.
extension AdminCalls {
  func revoke(_ request: RevokeRequest, context: ServerContext) async throws -> RevokeReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let asked = try AskedRevocation(request)
      let now = clock.wall()
      let effect = try await ledger.perform(fromReserve: true) { store in
        let target = try asked.target(in: store)
        guard let effect = try store.revoke(target, reason: asked.reason, time: now) else { throw asked.notFound }
        try store.insertEvent(
          EventRow(
            kind: .revoked, consultant: target.consultant, company: target.company, time: now,
            text: "\(target.text), \(asked.reason.name), \(effect.sessions.count) sessions, "
              + "\(effect.certificates.count) certificates, by \(administrator): \(asked.comment)"))
        return effect
      }
      // The transaction refuses what is queued; from here on nothing more of these sessions is queued.
      for session in effect.sessions { sessions.end(session, .revoked, now: clock.monotonic()) }
      companies.remove(effect.certificates)
      status.forget(effect.certificates)
      responder.forget()
      await connections.end(certificates: effect.certificates)
      var reply = RevokeReply()
      reply.isNew = effect.isNew
      reply.sessions = UInt32(clamping: effect.sessions.count)
      reply.certificates = UInt32(clamping: effect.certificates.count)
      reply.timeMs = UInt64(clamping: effect.revocation.time)
      reply.reason = Messages.RevocationReason(rawValue: Int32(effect.revocation.reason.rawValue))
      return reply
    }
  }

  func unlock(_ request: UnlockRequest, context: ServerContext) async throws -> UnlockReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let subject: LockoutSubject
      switch request.subject {
      case .consultant(let id): subject = .consultant(Int64(clamping: id))
      case .source(let address):
        // A terminal behind a gateway is counted by both addresses; see ``CallPath``.
        let addresses = address.split(separator: " behind ", omittingEmptySubsequences: false)
        guard addresses.count <= 2, addresses.allSatisfy({ AddressRange.isAddress(String($0)) }) else {
          throw ServiceRefusal(
            .invalidField, field: "subject.source",
            description: "must be an address as the journal has it, 192.0.2.7 or 10.0.0.5 behind 192.0.2.7")
        }
        subject = .source(address)
      case nil: throw ServiceRefusal(.invalidField, field: "subject", description: "name a consultant or a source")
      }
      let now = clock.wall()
      let wasLocked = try await ledger.perform { store in
        if let id = subject.consultant, try store.consultant(id: id) == nil {
          throw ServiceRefusal(.consultantNotFound, field: "subject.consultant")
        }
        let found = try store.lockout(subject)
        try store.setLockout(subject, nil)
        try store.insertEvent(
          EventRow(kind: .unlocked, consultant: subject.consultant, time: now, text: "\(subject), by \(administrator)"))
        return found?.remaining(at: now) != nil
      }
      if case .source(let address) = subject { lockouts.forget(source: address) }
      var reply = UnlockReply()
      reply.wasLocked = wasLocked
      return reply
    }
  }

  /// Certificates told in one reply.
  private static let certificatesPerReply = 50

  func listCertificates(
    _ request: ListCertificatesRequest, context: ServerContext
  ) async throws -> ListCertificatesReply {
    try await refusals.journaling(.callRefused, context) {
      _ = try await administrator(context)
      let cursor = try request.after.isEmpty ? nil : CertificateCursor(bytes: request.after)
      let end = Int64(clamping: request.notAfterBeforeMs / 1_000)
      let rows = try await ledger.perform { store in
        try store.certificates(endingBefore: end, after: cursor, limit: Self.certificatesPerReply)
      }
      var reply = ListCertificatesReply()
      reply.certificates = rows.map(RegisteredCertificate.init)
      if rows.count == Self.certificatesPerReply, let last = rows.last {
        reply.next = CertificateCursor(notAfter: last.notAfter, fingerprint: last.fingerprint).bytes
      }
      return reply
    }
  }
}

/// What an administrator wants revoked, each field checked by itself.
private struct AskedRevocation: Sendable {
  let which: RevokeRequest.Target
  let reason: Payments.RevocationReason
  let comment: String

  init(_ request: RevokeRequest) throws {
    guard let which = request.target else {
      throw ServiceRefusal(
        .invalidField, field: "target", description: "name a consultant, a company, a certificate or a device")
    }
    guard let number = UInt8(exactly: request.reason.rawValue), let reason = Payments.RevocationReason(rawValue: number)
    else {
      throw ServiceRefusal(.invalidField, field: "reason", description: "is none of the reasons of RFC 5280 known here")
    }
    guard request.comment.utf8.count <= 256, !request.comment.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw ServiceRefusal(
        .invalidField, field: "comment", description: "must have at most 256 bytes and no control characters")
    }
    if case .device(let bytes) = which, MACAddress(bytes) == nil {
      throw ServiceRefusal(
        .invalidField, field: "device", description: "must be 6 bytes, not all zero, no group address")
    }
    if case .certificate(let name) = which, name.count != 32, !(1...20).contains(name.count) {
      throw ServiceRefusal(
        .invalidField, field: "certificate", description: "must be 32 bytes of fingerprint or 1 to 20 of serial number")
    }
    self.which = which
    self.reason = reason
    comment = request.comment
  }

  func target(in store: any Store) throws -> RevocationTarget {
    switch which {
    case .consultant(let id): return .consultant(Int64(clamping: id))
    case .company(let id): return .company(Int64(clamping: id))
    case .device(let bytes):
      guard let mac = MACAddress(bytes) else { throw ServiceRefusal(.invalidField, field: "device") }
      return .device(mac)
    case .certificate(let name):
      if let fingerprint = Bytes32(name) { return .certificate(fingerprint) }
      let found = try store.certificates(serial: name)
      guard found.count == 1 else { throw notFound }
      return .certificate(found[0].fingerprint)
    }
  }

  var notFound: ServiceRefusal {
    switch which {
    case .consultant: ServiceRefusal(.consultantNotFound, field: "consultant")
    case .company: ServiceRefusal(.companyNotFound, field: "company")
    case .certificate, .device: ServiceRefusal(.certificateNotFound, field: "certificate")
    }
  }
}

extension RevocationTarget {
  /// For people.
  fileprivate var text: String {
    switch self {
    case .consultant(let id): "consultant \(id)"
    case .company(let id): "company \(id)"
    case .certificate(let fingerprint): "certificate \(Hex.encode(fingerprint.bytes))"
    case .device(let mac): "device \(mac)"
    }
  }

  fileprivate var consultant: Int64? { if case .consultant(let id) = self { id } else { nil } }
  fileprivate var company: Int64? { if case .company(let id) = self { id } else { nil } }
}

extension LockoutSubject {
  /// Nil: a source.
  var consultant: Int64? { if case .consultant(let id) = self { id } else { nil } }
}

extension CertificateCursor {
  /// End (8, big-endian), fingerprint (32).
  fileprivate var bytes: [UInt8] {
    withUnsafeBytes(of: notAfter.bigEndian) { [UInt8]($0) } + fingerprint.bytes
  }

  fileprivate init(bytes: [UInt8]) throws {
    guard bytes.count == 40, let fingerprint = Bytes32(Array(bytes[8...])) else {
      throw ServiceRefusal(.invalidField, field: "after", description: "must be `next` of the last reply")
    }
    self.init(notAfter: bytes[..<8].reduce(0) { $0 << 8 | Int64($1) }, fingerprint: fingerprint)
  }
}

extension RegisteredCertificate {
  fileprivate init(_ row: CertificateRow) {
    self.init()
    name = CertificateName(row)
    switch row.holder {
    case .consultant(let id): (holderKind, holder) = ("consultant", UInt64(id))
    case .company(let id): (holderKind, holder) = ("company", UInt64(id))
    case .administrator(let id): (holderKind, holder) = ("administrator", UInt64(id))
    case .gateway(let company): (holderKind, holder) = ("gateway", UInt64(company))
    }
    macAddress = row.macAddress?.bytes ?? []
    notAfterMs = UInt64(clamping: row.notAfter) * 1_000
  }
}
