import Bytes
import Cryptography
import Messages
import Policy
import Seals

/// Countersigns logins of the company's own consultants to the company's own service, and no others.
///
/// Source: docs/security.md, "Login", step 3.
struct Countersigner: Sendable {
  private let identity: GatewayIdentity
  private let rules: CurrentRules
  private let known = KnownPaths()

  init(_ identity: GatewayIdentity, rules: CurrentRules) {
    self.identity = identity
    self.rules = rules
  }

  /// Checks a login whose challenge was fetched on its connection, and adds the company's chain and countersignature.
  ///
  /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z.
  /// - Returns: the serialized request for the service.
  /// - Throws: ``GatewayRefusal``, or the status of what the company's policy says.
  func countersigned(_ login: AskedLogin, now: Int64) throws -> [UInt8] {
    let profile = identity.service.profile
    guard login.statement.serviceName == profile.serviceName,
      login.statement.rootFingerprint == identity.root.fingerprint.bytes
    else { throw GatewayRefusal(.wrongDestination, cause: "statement is for \(login.statement.serviceName)") }
    let (chain, path) = try consultant(login.request.consultantChain, now)
    let leaf = path.leaf
    guard login.statement.certificateDigest == leaf.fingerprint.bytes,
      leaf.publicKey.isValid(
        signature: login.request.signature, for: SigningInput.statement(login.request.statement))
    else { throw GatewayRefusal(.signatureInvalid, cause: leaf.subjectText) }
    chain.keep(path, in: known)
    guard leaf.organisation == identity.organisation else {
      throw GatewayRefusal(.wrongCompany, cause: leaf.subjectText)
    }
    if let refusal = rules.current?.refusal(of: .gateway, at: now) { throw refusal.status }
    return try sign(login.request).encoded()
  }

  private func consultant(_ ders: [[UInt8]], _ now: Int64) throws(GatewayRefusal) -> (LoginChain, VerifiedPath) {
    do {
      let chain = try LoginChain(ders, role: .consultant, at: now / 1_000, known: known)
      let path = try chain.path { certificates throws(CertificateRefusal) in
        try CertificatePath.verify(chain: certificates, anchors: identity.consultants, at: now / 1_000)
      }
      return (chain, path)
    } catch {
      throw GatewayRefusal(.certificateRefused, cause: "\(error)")
    }
  }

  private func sign(_ asked: LoginRequest) throws -> LoginRequest {
    var request = asked
    let company = identity.countersigning
    request.companyChain = company.chain.map(\.der)
    request.countersignature = try company.key.sign(
      SigningInput.countersignature(
        statement: asked.statement, signature: asked.signature, companyLeaf: company.chain[0].fingerprint))
    return request
  }
}
