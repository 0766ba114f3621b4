import Bytes
import Cryptography

/// Whether a chain that a person names may stand in a terminal's folder; asked before anything is written, so that a
/// wrong file is found here and not at a login days later.
///
/// A leaf with a role of the service must have the role that is wanted and lead to the pinned root. An outside authority
/// marks roles in its own way and only the service knows its anchors: of such a leaf, time and organisation are checked
/// here, the rest at login.
struct HolderCheck {
  let role: Role
  /// SHA-256 of the root's DER.
  let pinned: Bytes32
  /// The pinned root itself; nil before the service has shown it.
  var root: Certificate?
  /// The registered name of the terminal's company; nil before it is known.
  var organisation: String?
  /// Milliseconds since 1970-01-01T00:00:00Z.
  var wall = Wall.milliseconds()

  /// - Throws: ``TerminalError`` that names the file.
  func check(_ holder: CertificateHolder) throws(TerminalError) {
    let leaf = holder.chain[0]
    if leaf.roles.isEmpty {
      try checkTime(leaf, holder.file)
    } else {
      try checkPath(holder)
    }
    guard let organisation, leaf.organisation != organisation else { return }
    let other = leaf.organisationText.map { "is of organisation \"\($0)\"" } ?? "names no organisation"
    throw .untrusted(
      "\(holder.file): the certificate \(other), and this terminal's consultant is of \"\(organisation)\"; give the "
        + "\(role)'s certificate of that company")
  }

  private func checkTime(_ leaf: Certificate, _ file: String) throws(TerminalError) {
    guard wall / 1_000 <= leaf.notAfter else {
      throw .untrusted("\(file): the certificate is over; give a newer one")
    }
    guard wall / 1_000 >= leaf.notBefore else {
      throw .untrusted("\(file): the certificate is not valid yet; is this machine's clock right?")
    }
  }

  private func checkPath(_ holder: CertificateHolder) throws(TerminalError) {
    guard let root = root ?? holder.chain.first(where: { $0.fingerprint == pinned }) else {
      // Without the root in the file the path is judged once the service has shown it.
      guard holder.chain.contains(where: { $0.issuerDER == $0.subjectDER }) else { return }
      throw .untrusted("\(holder.file): the chain leads to another service's root, not to the one that the token names")
    }
    do {
      try CertificatePath.verify(
        chain: holder.chain, anchors: [root], role: role, at: wall / 1_000, dnsName: nil)
    } catch {
      throw .untrusted("\(holder.file) is refused as the \(role)'s certificate of this service: \(error)")
    }
  }
}
