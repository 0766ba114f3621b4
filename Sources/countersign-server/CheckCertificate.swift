import ArgumentParser
import Authority
import Bytes
import CheckoutService
import Cryptography
import Files
import Glibc
import ProgramSupport

/// Answers "why can this consultant not log in?".
struct CheckCertificate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-certificate",
    abstract: "Runs a login's certificate check on files and says which rule failed.",
    discussion: """
      Files hold PEM certificates, or one in DER. --anchors may also name the folder of an outside authority
      (DATA/anchors/NAME), whose authority.conf then says how the role is marked and how OCSP answers are judged; the
      folders beside it say what marks another role. With --ocsp-response the answer is judged as a login does; its nonce is compared
      where --ocsp-nonce tells the one that was sent. The register is not asked: whether a certificate is registered or revoked there is not part of this check.

      EXAMPLES
        countersign-server check-certificate --anchors DATA/authority/root.pem --chain consultant.pem --role consultant
        countersign-server check-certificate --anchors root.pem --chain tls.pem --role server --dns-name pay.example
        countersign-server check-certificate --anchors DATA/anchors/national --chain kim.pem --role consultant \
          --ocsp-response kim.ocsp

      EXIT CODES
        0 accepted   1 refused   64 wrong usage   65 no certificate in --anchors   74 file error
      """)

  enum CheckedRole: String, ExpressibleByArgument, CaseIterable { case consultant, company, server }

  @Option(help: "File with the trusted, self-signed certificates, or the folder of an outside authority.")
  var anchors: String

  @Option(help: "File with the chain, leaf first, the others in any order.")
  var chain: String

  @Option(help: "consultant, company or server.")
  var role: CheckedRole

  @Option(help: "Time of the check, for example 2026-11-23T14:05:09Z; default now.")
  var at: String?

  @Option(help: "Host name or address that a server's certificate must be for.")
  var dnsName: String?

  @Option(help: "File with an OCSP answer about the leaf, DER.")
  var ocspResponse: String?

  @Option(help: "Nonce that the answer must hold, hexadecimal.")
  var ocspNonce: String?

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run {
      let time = try at.map(Self.seconds) ?? Int64(time(nil))
      let authority = try authority()
      let (chain, answer) = (try OpenFile(chain).contents(), try ocspResponse.map { try OpenFile($0).contents() })
      let nonce = try nonce()
      do {
        let anchor = try authority?.anchor ?? anchor()
        let ders = try LoginChain.certificates(inFile: chain, rule: "certificate")
        let path = try LoginChain.verify(ders, anchor: anchor, at: time, dnsName: dnsName)
        if let answer {
          try OCSPQuestion(certificate: path.leaf, issuer: path.issuer, nonce: nonce)
            .verify(answer, policy: authority?.policy ?? OCSPPolicy(), at: time)
        }
        accepted(path.leaf)
      } catch let refusal as CertificateRefusal {
        refused(rule: refusal.rule, certificate: refusal.index, refusal.text)
        throw ExitCode(ExitStatus.refused.rawValue)
      } catch let refusal as OCSPRefusal {
        refused(rule: refusal.rule, certificate: 0, refusal.text)
        throw ExitCode(ExitStatus.refused.rawValue)
      }
    }
  }

  /// The outside authority where a folder is named.
  private func authority() throws -> OutsideAuthority? {
    guard Files.exists("\(anchors)/authority.conf") else { return nil }
    let found = try OutsideAuthority.read(anchors) { error in
      Console.complain("note: \(error); what it marks a role by was not compared")
    }
    guard found.anchor.role == role.role else {
      throw ProgramError(.usage, "--role \(role): \(anchors) is trusted for \(found.anchor.role)")
    }
    return found
  }

  private func nonce() throws -> [UInt8]? {
    guard let ocspNonce else { return nil }
    guard ocspResponse != nil else {
      throw ProgramError(.usage, "--ocsp-nonce is compared with an answer; give --ocsp-response too")
    }
    guard let bytes = Hex.decode(ocspNonce), !bytes.isEmpty else {
      throw ProgramError(.usage, "--ocsp-nonce \(ocspNonce): must be hexadecimal")
    }
    return bytes
  }

  private func anchor() throws -> TrustAnchor {
    let bytes = try OpenFile(anchors).contents()
    do {
      let certificates = try Certificate.all(ofFile: LoginChain.certificates(inFile: bytes, rule: "anchor"))
      return TrustAnchor(name: TrustAnchor.builtIn, certificates: certificates, role: role.role)
    } catch let refusal as CertificateRefusal {
      throw ProgramError(.input, "--anchors \(anchors): \(refusal.text)")
    } catch let error as CryptographyError {
      throw ProgramError(.input, "--anchors \(anchors): \(error)")
    }
  }

  private func accepted(_ leaf: Certificate) {
    switch output {
    case .text: Console.print("accepted: \(leaf.subjectText), serial \(Hex.encode(leaf.serial)), role \(role)")
    case .json:
      Console.print(
        JSON.object([
          ("result", .text("accepted")), ("subject", .text(leaf.subjectText)), ("issuer", .text(leaf.issuerText)),
          ("serial", .text(Hex.encode(leaf.serial))), ("fingerprint", .text(Hex.encode(leaf.fingerprint.bytes))),
        ]))
    }
  }

  private func refused(rule: String, certificate: Int, _ text: String) {
    switch output {
    case .text: Console.print("refused: rule \(rule), certificate \(certificate) of the path (0 is the leaf): \(text)")
    case .json:
      Console.print(
        JSON.object([
          ("result", .text("refused")), ("rule", .text(rule)), ("certificate", .number(Int64(certificate))),
          ("text", .text(text)),
        ]))
    }
  }

  /// RFC 3339 with Z, a day of UTC, or seconds since 1970-01-01T00:00:00Z.
  private static func seconds(_ text: String) throws -> Int64 {
    if let seconds = Int64(digits: text) { return seconds }
    guard let milliseconds = TimeText.parse(text) else {
      throw ProgramError(
        .usage, "--at \(text): must be a time that exists, like 2026-11-23T14:05:09Z, or seconds since 1970")
    }
    return milliseconds / 1_000
  }
}

extension CheckCertificate.CheckedRole {
  fileprivate var role: Role {
    switch self {
    case .consultant: .consultant
    case .company: .company
    case .server: .server
    }
  }
}
