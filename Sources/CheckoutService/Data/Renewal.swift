import Authority
import Bytes
import Cryptography
import Files
import Ledger
import Payments

extension DataFolder {
  /// Puts the administrator's certificate of this folder into the register, where it can be revoked; once. The first time
  /// the administrator comes there too, with every role: somebody must register the others. Nothing happens once the
  /// certificate was moved to the administrator.
  func registerAdministrator(in ledger: Ledger, now: Int64) async throws {
    guard Files.exists(file("admin/chain.pem")) else { return }
    let leaf = try chain("admin/chain.pem")[0]
    try await ledger.perform { store in
      guard try store.certificate(fingerprint: leaf.fingerprint) == nil else { return }
      let name = leaf.commonName ?? leaf.subjectText
      let id =
        try store.administrator(name: name)?.id ?? store.insertAdministrator(name: name, roles: .all, time: now)
      try store.insertCertificate(CertificateRow(leaf, holder: .administrator(id), macAddress: nil))
      try store.insertEvent(
        EventRow(
          kind: .administratorRegistered, time: now, text: "\(leaf.subjectText), serial \(Hex.encode(leaf.serial))"))
    }
  }

  /// Issues the service's own certificates anew where they are to be renewed, for the same keys and names; the
  /// administrator's as long as its key was not moved to the administrator.
  ///
  /// Sealing keys and profiles are signed with the new certificate at once; TLS needs ``ConnectionControl/reload()``.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  /// - Returns: the folders whose certificate is new.
  /// - Throws: `FileError`, ``SetupError/clock(now:made:)``, or what the authority refuses.
  func renewCertificates(now: Int64) throws -> [String] {
    let issuer = try issuer()
    guard now >= issuer.certificate.notBefore else {
      throw SetupError.clock(now: now, made: issuer.certificate.notBefore)
    }
    if !Files.exists(file("ocsp/chain.pem")) { try makeOCSPDelegate(issuer, now: now) }
    let isAdminHere = Files.exists(file("admin/chain.pem")) && Files.exists(file("admin/key.pem"))
    return try [("tls", Role.server), ("sealing", .sealing), ("admin", .administrator), ("ocsp", .ocsp)].compactMap {
      name, role in
      if name == "admin", !isAdminHere { return nil }
      let leaf = try chain("\(name)/chain.pem")[0]
      guard leaf.isToBeRenewed(at: now), let commonName = leaf.commonName else {
        return nil
      }
      let request = try CertificateRequest(
        der: CertificateRequest.make(
          key: try key("\(name)/key.pem"), commonName: commonName, organisation: leaf.organisation))
      let renewed = try issuer.issue(
        request, role: role, commonName: commonName, organisation: leaf.organisation, dnsNames: leaf.serverNames,
        now: now)
      try write(chain: [renewed] + issuer.chain, to: "\(name)/chain.pem")
      return name
    }
  }

  /// The issuing authority's delegate for OCSP answers (RFC 6960 section 4.2.2.2); its certificate is written last.
  func makeOCSPDelegate(_ issuer: Issuer, now: Int64) throws {
    try Files.makeFolder(file("ocsp"))
    let key = PrivateKey.generate(.p256)
    let name = "\(issuer.chain.last?.commonName ?? "service") OCSP"
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: key, commonName: name, organisation: nil))
    let leaf = try issuer.issue(request, role: .ocsp, commonName: name, organisation: nil, now: now)
    try write(key: key, to: "ocsp/key.pem")
    try write(chain: [leaf] + issuer.chain, to: "ocsp/chain.pem")
  }
}
