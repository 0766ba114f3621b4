import Bytes
import CountersignClient
import Cryptography
import Logging
import Messages
import TLS

/// Who a gateway is: its company, its place under the service's root, and where the service is. Everything verified.
public struct GatewayIdentity: Sendable {
  let service: TrustedProfile
  let company: GatewayFolder.Holder
  let tls: GatewayFolder.Holder
  /// Organisation in the company's certificate: the registered name of the company.
  public let organisation: String

  var root: Certificate { service.root }

  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  /// - Throws: `TerminalError` that names the part that cannot be trusted.
  init(profile: SignedProfile, company: GatewayFolder.Holder, tls: GatewayFolder.Holder, now: Int64) throws {
    guard let root = tls.chain.last else { throw TerminalError.folder("tls.pem holds no certificate") }
    service = try TrustedProfile(profile, pinned: root.fingerprint, wall: now)
    guard service.profile.hopRole == .server else {
      throw TerminalError.untrusted("profile.signed does not lead to the service; set the gateway up anew")
    }
    try Self.check(company, .company, "company", root, now)
    try Self.check(tls, .gateway, "tls", root, now)
    guard let organisation = company.chain[0].organisation, tls.chain[0].organisation == organisation else {
      throw TerminalError.untrusted("company.pem and tls.pem are not of one organisation")
    }
    self.organisation = organisation
    self.company = company
    self.tls = tls
  }

  private static func check(
    _ holder: GatewayFolder.Holder, _ role: Role, _ name: String, _ root: Certificate, _ now: Int64
  ) throws {
    guard let leaf = holder.chain.first, leaf.publicKey == holder.key.publicKey else {
      throw TerminalError.key("\(name).key is not the key of \(name).pem")
    }
    do {
      try CertificatePath.verify(chain: holder.chain, anchors: [root], role: role, at: now / 1_000, dnsName: nil)
    } catch {
      throw TerminalError.untrusted("\(name).pem is refused: \(error)")
    }
  }

  /// When the first of both certificates ends, seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64 { min(company.chain[0].notAfter, tls.chain[0].notAfter) }

  /// Both certificates are set up anew by hand, so the log says when it is time.
  func warnWhereItEndsSoon(_ logger: Logger) {
    let now = Wall.milliseconds() / 1_000
    for (name, holder) in [("company", company), ("tls", tls)] where now > holder.chain[0].lastThird {
      logger.warning(
        "a certificate ends soon; set the gateway up anew with a new token, init --replace and SIGHUP",
        metadata: ["certificate": "\(name).pem", "days": "\((holder.chain[0].notAfter - now) / 86_400)"])
    }
  }

  /// What terminals are shown.
  func server() throws -> TLSContext { try .server(chain: tls.chain, key: tls.key) }

  /// How the service is reached: it must be the pinned one, and is shown the company's certificate.
  func client() throws -> TLSContext {
    try .client(verify: try service.verification(), chain: company.chain, key: company.key)
  }
}
