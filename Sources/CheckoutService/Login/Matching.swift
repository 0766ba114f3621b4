import Authority
import Bytes
import Cryptography
import Payments

/// Finds the registered row of a verified certificate: by issuer and serial number, and where its authority says so by
/// issuer and subject.
///
/// Source: docs/security.md, "Outside authorities".
struct Matching {
  /// Nil: the service's own.
  let authority: OutsideAuthority?
  /// Whom the certificate must belong to; nil: whoever it is.
  var holder: CertificateRow.Holder?
  /// Of the login or enrolment.
  let macAddress: MACAddress
  /// Milliseconds since 1970-01-01T00:00:00Z.
  let now: Int64

  /// Finds the row. A newer certificate of a registered subject is registered for the same holder and device, with its
  /// own journal record.
  ///
  /// - Throws: ``ServiceRefusal`` where there is none, it is somebody else's, or it is revoked.
  func row(of leaf: Certificate, _ field: String, in store: any Store) throws -> CertificateRow {
    if let row = try store.certificate(issuer: leaf.issuerDER, serial: leaf.serial) {
      guard row.fingerprint == leaf.fingerprint, row.holder == holder ?? row.holder else {
        throw notRegistered(leaf, field)
      }
      guard row.revocation == nil else { throw ServiceRefusal(.revoked, field: field, cause: leaf.subjectText) }
      return row
    }
    guard let authority, authority.match == .subject,
      let former = try Self.former(of: leaf, role: authority.anchor.role, macAddress: macAddress, in: store),
      former.holder == holder ?? former.holder
    else { throw notRegistered(leaf, field) }
    let row = CertificateRow(leaf, holder: former.holder, macAddress: former.macAddress)
    try store.insertCertificate(row)
    try store.insertEvent(
      EventRow(
        kind: .certificateRegistered, consultant: former.holder.consultant, company: former.holder.company, time: now,
        text: "certificate \(Hex.encode(leaf.serial)) of authority \(authority.anchor.name), matched by subject with "
          + "\(Hex.encode(former.serial)): \(leaf.subjectText)"))
    return row
  }

  /// A registered certificate of the same issuer and subject that is not revoked; nil where there is none, or where such
  /// ones belong to several holders.
  static func former(
    of leaf: Certificate, role: Role, macAddress: MACAddress?, in store: any Store
  ) throws -> CertificateRow? {
    let rows = try store.certificates(issuer: leaf.issuerDER, subject: leaf.subjectText).filter { row in
      row.revocation == nil && row.holder.isOf(role) && (try? Certificate(der: row.der))?.subjectDER == leaf.subjectDER
    }
    guard let first = rows.first, rows.allSatisfy({ $0.holder == first.holder }) else { return nil }
    return rows.first { $0.macAddress == macAddress } ?? first
  }

  /// The peer is told which certificate of an outside authority to register: it has shown it with a good signature.
  private func notRegistered(_ leaf: Certificate, _ field: String) -> ServiceRefusal {
    let description = authority.map {
      "serial \(Hex.encode(leaf.serial)), issued by \(leaf.issuerText.prefix(256)), is not registered; an administrator "
        + "does that with countersign-admin \($0.anchor.role == .company ? "company" : "consultant") certificate"
    }
    return ServiceRefusal(
      .notRegistered, field: field, description: description,
      cause: "\(leaf.subjectText), serial \(Hex.encode(leaf.serial)), issued by \(leaf.issuerText)")
  }
}

extension CertificateRow.Holder {
  var consultant: Int64? { if case .consultant(let id) = self { id } else { nil } }
  var company: Int64? { if case .company(let id) = self { id } else { nil } }

  fileprivate func isOf(_ role: Role) -> Bool {
    switch role {
    case .consultant: consultant != nil
    case .company: company != nil
    default: false
    }
  }
}
