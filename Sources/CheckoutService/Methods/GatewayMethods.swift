import Authority
import Bytes
import CountersignRPC
import Cryptography
import Ledger
import Messages
import Payments
import Seals

extension AdminCalls {
  func addGateway(_ request: AddGatewayRequest, context: ServerContext) async throws -> AddGatewayReply {
    try await refusals.journaling(.callRefused, context) {
      let administrator = try await administrator(context)
      let port = try checkedHop(request)
      let token = EnrolmentToken.make(root: rootFingerprint)
      let now = clock.wall()
      let company = try await ledger.perform { store in
        let company = try Self.company(request.company, in: store)
        let former = try store.gateway(company: company.id)
        try store.setGateway(
          GatewayRow(
            company: company.id, host: request.host, port: port, dnsName: request.dnsName,
            number: (former?.number ?? 0) + 1, token: SHA256.digest(token.secret),
            tokenNotAfter: now + Self.tokenLifetime, companyCertificate: former?.companyCertificate,
            tlsCertificate: former?.tlsCertificate))
        try store.insertEvent(
          EventRow(
            kind: .gatewayAdded, company: company.id, time: now,
            text: "\(request.host) port \(port), \(request.dnsName), by \(administrator)"))
        return company
      }
      var reply = AddGatewayReply()
      (reply.company, reply.companyName) = (UInt64(company.id), company.name)
      reply.token = token.text
      reply.tokenNotAfterMs = UInt64(now + Self.tokenLifetime)
      return reply
    }
  }

  private func checkedHop(_ request: AddGatewayRequest) throws -> UInt16 {
    guard HostName.isHost(request.host) else {
      throw ServiceRefusal(.invalidField, field: "host", description: "must be a host name or an address")
    }
    guard HostName.isHost(request.dnsName) else {
      throw ServiceRefusal(.invalidField, field: "dns_name", description: "must be a host name or an address")
    }
    guard let port = UInt16(exactly: request.port), port > 0 else {
      throw ServiceRefusal(.invalidField, field: "port", description: "must be 1 to 65535")
    }
    return port
  }
}

extension EnrolmentCalls {
  func enrolGateway(_ request: EnrolRequest, context: ServerContext) async throws -> EnrolGatewayReply {
    try await refusals.journaling(.callRefused, context) {
      let now = clock.wall()
      let issued = try await lockouts.counting(source: context.source) {
        let secret: GatewaySecret = try open(
          request.box, enc: request.enc, keyID: request.sealingKeyId,
          associatedData: EnrolmentSeal.gatewayAssociatedData)
        let enrolment = GatewayEnrolment(
          token: SHA256.digest(secret.token), company: try Self.certificateRequest(secret.companyRequest),
          tls: try Self.certificateRequest(secret.tlsRequest), program: try PeerText.program(secret.programVersion))
        return try await ledger.perform { [issuer = identity.issuer] store in
          try enrolment.exchange(issuer: issuer, now: now, in: store)
        }
      }
      companies.insert(issued.company.fingerprint, company: issued.row.company)
      var reply = EnrolGatewayReply()
      reply.companyChain = [issued.company.der] + identity.issuer.chain.map(\.der)
      reply.tlsChain = [issued.tls.der] + identity.issuer.chain.map(\.der)
      reply.profile = try profiles.make(now: now)
      return reply
    }
  }
}

/// A gateway's requests for its two certificates, checked by themselves.
private struct GatewayEnrolment: Sendable {
  let token: Bytes32
  let company: CertificateRequest
  let tls: CertificateRequest
  let program: String

  struct Issued: Sendable {
    let row: GatewayRow
    let company: CertificateRow
    let tls: CertificateRow
  }

  /// SHA-256 over both public keys: a gateway that asks again signs its requests anew.
  private var keys: Bytes32 { SHA256.digest(company.publicKey.der + tls.publicKey.der) }

  /// Uses the token and issues both certificates, in one transaction.
  func exchange(issuer: Issuer, now: Int64, in store: any Store) throws -> Issued {
    guard var row = try store.gateway(token: token) else { throw ServiceRefusal(.tokenInvalid) }
    guard now <= row.tokenNotAfter else { throw ServiceRefusal(.tokenExpired, cause: "company \(row.company)") }
    if row.request != nil { return try former(row, in: store) }
    guard let holder = try store.company(id: row.company), !holder.revoked else {
      throw ServiceRefusal(.revoked, cause: "company \(row.company)")
    }
    let companyRow = CertificateRow(
      try issuer.issue(
        company, role: .company, commonName: holder.name, organisation: holder.name, now: now / 1_000),
      holder: .company(row.company), macAddress: nil)
    let tlsRow = CertificateRow(
      try issuer.issue(
        tls, role: .gateway, commonName: row.dnsName, organisation: holder.name, dnsNames: [row.dnsName],
        now: now / 1_000),
      holder: .gateway(row.company), macAddress: nil)
    try store.insertCertificate(companyRow)
    try store.insertCertificate(tlsRow)
    (row.request, row.companyCertificate, row.tlsCertificate) = (keys, companyRow.fingerprint, tlsRow.fingerprint)
    try store.setGateway(row)
    try store.insertEvent(
      EventRow(
        kind: .gatewayEnrolled, company: row.company, time: now,
        text: "company certificate \(Hex.encode(companyRow.serial)), TLS certificate \(Hex.encode(tlsRow.serial)), "
          + program))
    return Issued(row: row, company: companyRow, tls: tlsRow)
  }

  /// What the token was exchanged for before.
  private func former(_ row: GatewayRow, in store: any Store) throws -> Issued {
    guard row.request == keys, let company = row.companyCertificate, let tls = row.tlsCertificate,
      let companyRow = try store.certificate(fingerprint: company), let tlsRow = try store.certificate(fingerprint: tls)
    else { throw ServiceRefusal(.tokenUsed, cause: "gateway of company \(row.company)") }
    return Issued(row: row, company: companyRow, tls: tlsRow)
  }
}
