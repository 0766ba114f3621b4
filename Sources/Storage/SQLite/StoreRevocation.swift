import Bytes
import Payments

extension SQLiteStore {
  public func revoke(
    _ target: RevocationTarget, reason: RevocationReason, time: Int64
  ) throws(StoreError) -> RevocationEffect? {
    guard try exists(target) else { return nil }
    let former = try revocation(of: target)
    sessionsInTransaction.removeAll(keepingCapacity: true)
    var isNew = try mark(target, reason, time)
    let certificates = try revokedCertificates(target)
    for fingerprint in certificates {
      let update = try database.prepare(
        "UPDATE certificate SET revoked = ?2, reason = ?3 WHERE fingerprint = ?1 AND revoked IS NULL")
      update.bind(1, fingerprint)
      update.bind(2, time)
      update.bind(3, Int64(reason.rawValue))
      _ = try update.run()
      isNew = isNew || database.changes > 0
    }
    let sessions = try liveSessions(of: target, certificates)
    for session in sessions { try endSession(session, reason: .revoked, time: time) }
    let revocation = isNew ? nil : former
    return RevocationEffect(
      isNew: isNew, revocation: revocation ?? Revocation(time: time, reason: reason), sessions: sessions,
      certificates: certificates)
  }

  /// Nil where it is not revoked.
  private func revocation(of target: RevocationTarget) throws(StoreError) -> Revocation? {
    let find: Statement
    switch target {
    case .consultant(let id):
      find = try database.prepare("SELECT revoked, reason FROM consultant WHERE id = ?1 AND revoked IS NOT NULL")
      find.bind(1, id)
    case .company(let id):
      find = try database.prepare("SELECT revoked, reason FROM company WHERE id = ?1 AND revoked IS NOT NULL")
      find.bind(1, id)
    case .certificate(let fingerprint): return try certificate(fingerprint: fingerprint)?.revocation
    case .device(let mac):
      find = try database.prepare("SELECT revoked, reason FROM device WHERE mac = ?1")
      find.bind(1, mac.bytes)
    }
    return try find.first {
      let reason = RevocationReason(rawValue: UInt8(truncatingIfNeeded: $0.int(1)))
      return Revocation(time: $0.int(0), reason: reason ?? .unspecified)
    }
  }

  private func exists(_ target: RevocationTarget) throws(StoreError) -> Bool {
    switch target {
    case .consultant(let id): try consultant(id: id) != nil
    case .company(let id): try company(id: id) != nil
    case .certificate(let fingerprint): try certificate(fingerprint: fingerprint) != nil
    // A terminal may be stolen before it enrolled.
    case .device: true
    }
  }

  /// Marks consultant, company or device.
  ///
  /// - Returns: whether it was good before.
  private func mark(
    _ target: RevocationTarget, _ reason: RevocationReason, _ time: Int64
  ) throws(StoreError) -> Bool {
    let statement: Statement
    switch target {
    case .consultant(let id):
      statement = try database.prepare(
        "UPDATE consultant SET revoked = ?2, reason = ?3 WHERE id = ?1 AND revoked IS NULL")
      statement.bind(1, id)
    case .company(let id):
      statement = try database.prepare("UPDATE company SET revoked = ?2, reason = ?3 WHERE id = ?1 AND revoked IS NULL")
      statement.bind(1, id)
    case .device(let mac):
      statement = try database.prepare("INSERT INTO device VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
      statement.bind(1, mac.bytes)
    case .certificate: return false
    }
    statement.bind(2, time)
    statement.bind(3, Int64(reason.rawValue))
    _ = try statement.run()
    return database.changes > 0
  }

  private func revokedCertificates(_ target: RevocationTarget) throws(StoreError) -> [Bytes32] {
    switch target {
    case .certificate(let fingerprint): return try [fingerprint] + companyCertificate(besideGateway: fingerprint)
    case .consultant(let id): return try certificates(of: .consultant(id)).map(\.fingerprint)
    case .company(let id):
      return try (certificates(of: .company(id)) + certificates(of: .gateway(id))).map(\.fingerprint)
    case .device(let mac):
      let find = try database.prepare("SELECT fingerprint FROM certificate WHERE mac = ?1")
      find.bind(1, mac.bytes)
      return try find.all { $0.bytes32(0) }
    }
  }

  /// Both keys of a gateway lie on one machine: its company certificate goes with its TLS certificate.
  private func companyCertificate(besideGateway fingerprint: Bytes32) throws(StoreError) -> [Bytes32] {
    let find = try database.prepare(
      "SELECT company_certificate FROM gateway WHERE tls_certificate = ?1 AND company_certificate IS NOT NULL")
    find.bind(1, fingerprint)
    return try find.all { $0.bytes32(0) }
  }

  private func liveSessions(
    of target: RevocationTarget, _ certificates: [Bytes32]
  ) throws(StoreError) -> [Bytes16] {
    let live = "SELECT id FROM session WHERE ended IS NULL AND "
    let find: Statement
    switch target {
    case .consultant(let id): return try liveSessions(consultant: id)
    case .company(let id):
      find = try database.prepare(live + "company = ?1")
      find.bind(1, id)
    case .certificate:
      find = try database.prepare(live + "(consultant_certificate = ?1 OR company_certificate = ?1)")
      var sessions: [Bytes16] = []
      for fingerprint in certificates {
        find.bind(1, fingerprint)
        sessions += try find.all { $0.bytes16(0) }
      }
      return sessions
    case .device(let mac):
      find = try database.prepare(live + "mac = ?1")
      find.bind(1, mac.bytes)
    }
    return try find.all { $0.bytes16(0) }
  }

  public func isRevoked(device: MACAddress) throws(StoreError) -> Bool {
    let find = try database.prepare("SELECT 1 FROM device WHERE mac = ?1")
    find.bind(1, device.bytes)
    return try find.first { _ in true } ?? false
  }

  public func certificates(
    endingBefore notAfter: Int64, after cursor: CertificateCursor?, limit: Int
  ) throws(StoreError) -> [CertificateRow] {
    let find = try database.prepare(
      """
      \(CertificateRow.columns) WHERE not_after < ?1 AND revoked IS NULL AND (not_after, fingerprint) > (?2, ?3)
      ORDER BY not_after, fingerprint LIMIT ?4
      """)
    find.bind(1, notAfter)
    find.bind(2, cursor?.notAfter ?? .min)
    find.bind(3, cursor?.fingerprint ?? .zero)
    find.bind(4, Int64(limit))
    return try find.all(CertificateRow.init(row:))
  }
}

// MARK: - Lockout

extension SQLiteStore {
  public func lockout(_ subject: LockoutSubject) throws(StoreError) -> Lockout? {
    let find = try database.prepare("SELECT failures, since, until FROM lockout WHERE subject = ?1")
    find.bind(1, subject.text)
    return try find.first { Lockout(row: $0, from: 0) }
  }

  public func setLockout(_ subject: LockoutSubject, _ lockout: Lockout?) throws(StoreError) {
    let statement: Statement
    if let lockout {
      statement = try database.prepare("INSERT OR REPLACE INTO lockout VALUES (?1, ?2, ?3, ?4)")
      statement.bind(2, Int64(lockout.failures))
      statement.bind(3, lockout.since)
      statement.bind(4, lockout.until)
    } else {
      statement = try database.prepare("DELETE FROM lockout WHERE subject = ?1")
    }
    statement.bind(1, subject.text)
    _ = try statement.run()
  }

  public func lockedSources(at time: Int64) throws(StoreError) -> [(source: String, lockout: Lockout)] {
    let find = try database.prepare(
      "SELECT subject, failures, since, until FROM lockout WHERE until > ?1 AND subject GLOB 'source *'")
    find.bind(1, time)
    return try find.all { row in
      (String(row.text(0).dropFirst("source ".count)), Lockout(row: row, from: 1))
    }
  }
}

extension LockoutSubject {
  /// As the table keeps it.
  fileprivate var text: String {
    switch self {
    case .consultant(let id): "consultant \(id)"
    case .source(let address): "source \(address)"
    }
  }
}

extension Lockout {
  /// Reads failures, since and until from the column `first` on.
  fileprivate init(row: Statement, from first: Int32) {
    self.init(
      failures: UInt32(clamping: row.int(first)), since: row.int(first + 1), until: row.int(first + 2))
  }
}
