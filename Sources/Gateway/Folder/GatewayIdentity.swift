import Authority
import Bytes
import CountersignClient
import Cryptography
import Logging
import Messages
import TLS

/// Who a gateway is: its company, its place under the service's root, and where the service is. Everything verified.
public struct GatewayIdentity: Sendable {
  /// What stands in the folder about outside authorities.
  struct Outside: Sendable {
    var authorities: [OutsideAuthority] = []
    /// The company's own.
    var company: GatewayFolder.Holder?
  }

  let service: TrustedProfile
  /// What the service knows this gateway by.
  let company: GatewayFolder.Holder
  /// What logins are countersigned with: the company's certificate of an outside authority where there is one.
  private(set) var countersigning: GatewayFolder.Holder
  /// Whom consultants' certificates may lead to.
  let consultants: [TrustAnchor]
  private let companies: [TrustAnchor]
  let tls: GatewayFolder.Holder
  /// Organisation in the company's certificate: the registered name of the company.
  public let organisation: String

  var root: Certificate { service.root }

  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  /// - Throws: `TerminalError` that names the part that cannot be trusted.
  init(
    profile: SignedProfile, company: GatewayFolder.Holder, tls: GatewayFolder.Holder, outside: Outside = Outside(),
    now: Int64
  ) throws {
    guard let root = tls.chain.last else { throw TerminalError.folder("tls.pem holds no certificate") }
    service = try TrustedProfile(profile, pinned: root.fingerprint, wall: now, isKept: true)
    guard service.profile.hopRole == .server else {
      throw TerminalError.untrusted("profile.signed does not lead to the service; set the gateway up anew")
    }
    try Self.check(company, .company, "company", root, now)
    try Self.check(tls, .gateway, "tls", root, now)
    guard let organisation = company.chain[0].organisation, tls.chain[0].organisation == organisation else {
      throw TerminalError.folder("company.pem and tls.pem are not of one organisation; set the gateway up anew")
    }
    self.organisation = organisation
    self.company = company
    self.tls = tls
    consultants = OutsideAuthority.anchors(.consultant, root: root, outside: outside.authorities)
    companies = OutsideAuthority.anchors(.company, root: root, outside: outside.authorities)
    countersigning = company
    if let own = outside.company {
      try checkOutside(own, now, file: "outside.pem")
      countersigning = own
    }
  }

  /// - Parameter file: where the certificate stands, for errors.
  /// - Throws: `TerminalError` where the company's certificate of an outside authority cannot countersign here.
  func checkOutside(_ holder: GatewayFolder.Holder, _ now: Int64, file: String) throws {
    guard let leaf = holder.chain.first, leaf.publicKey == holder.key.publicKey else {
      throw TerminalError.folder(
        "the key beside \(file) is not that certificate's; put the files in place that belong together")
    }
    do {
      _ = try CertificatePath.verify(chain: holder.chain, anchors: companies, at: now / 1_000)
    } catch {
      throw TerminalError.untrusted("\(file) is refused: \(error); its authority must stand in anchors")
    }
    guard leaf.organisation == organisation else {
      throw TerminalError.untrusted("\(file) is of organisation \(leaf.organisationText ?? ""), not \(organisation)")
    }
  }

  private static func check(
    _ holder: GatewayFolder.Holder, _ role: Role, _ name: String, _ root: Certificate, _ now: Int64
  ) throws {
    guard let leaf = holder.chain.first, leaf.publicKey == holder.key.publicKey else {
      throw TerminalError.folder(
        "\(name).key is not the key of \(name).pem; put the files in place that belong together, or set the gateway up "
          + "anew")
    }
    do {
      try CertificatePath.verify(chain: holder.chain, anchors: [root], role: role, at: now / 1_000, dnsName: nil)
    } catch {
      throw TerminalError(error, of: "\(name).pem")
    }
  }

  /// When the first of both certificates ends, seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64 { min(company.chain[0].notAfter, tls.chain[0].notAfter) }

  /// Certificates are set up anew by hand, so the log says when it is time.
  func warnWhereItEndsSoon(_ logger: Logger) {
    let now = Wall.milliseconds() / 1_000
    if countersigning.chain[0] != company.chain[0], now > countersigning.chain[0].lastThird {
      logger.warning(
        "a certificate ends soon; put a newer one in place with countersign-gateway certificate and SIGHUP",
        metadata: [
          "certificate": "outside.pem", "days": "\((countersigning.chain[0].notAfter - now) / 86_400)",
        ])
    }
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
