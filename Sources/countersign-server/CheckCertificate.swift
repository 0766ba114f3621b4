import ArgumentParser
import Bytes
import Cryptography
import Files
import FoundationEssentials
import Glibc
import ProgramSupport

/// Answers "why can this consultant not log in?".
struct CheckCertificate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-certificate",
    abstract: "Runs a login's certificate check on files and says which rule failed.",
    discussion: """
      Files hold PEM certificates, or one in DER. The register is not asked: whether a certificate is registered or
      revoked is not part of this check.

      EXAMPLES
        countersign-server check-certificate --anchors DATA/authority/root.pem --chain consultant.pem --role consultant
        countersign-server check-certificate --anchors root.pem --chain tls.pem --role server --dns-name pay.example

      EXIT CODES
        0 accepted   1 refused   64 wrong usage   74 file error
      """)

  enum CheckedRole: String, ExpressibleByArgument, CaseIterable { case consultant, company, server }

  @Option(help: "File with the trusted, self-signed certificates.")
  var anchors: String

  @Option(help: "File with the chain, leaf first, the others in any order.")
  var chain: String

  @Option(help: "consultant, company or server.")
  var role: CheckedRole

  @Option(help: "Time of the check, for example 2026-11-23T14:05:09Z; default now.")
  var at: String?

  @Option(help: "Host name that a server's certificate must be for.")
  var dnsName: String?

  @Option(help: "text or json.")
  var output: OutputFormat = .text

  func run() async throws {
    try await Program.run {
      let time = try at.map(Self.seconds) ?? Int64(time(nil))
      let (anchors, chain) = (try Files.read(anchors), try Files.read(chain))
      do {
        let leaf = try Self.check(anchors, chain, role.role, time, dnsName)
        accepted(leaf)
      } catch let refusal as CertificateRefusal {
        refused(rule: refusal.rule, certificate: refusal.index, refusal.text)
        throw ExitCode(ExitStatus.refused.rawValue)
      }
    }
  }

  private static func check(
    _ anchors: [UInt8], _ chain: [UInt8], _ role: Role, _ time: Int64, _ dnsName: String?
  ) throws -> Certificate {
    let trusted = try LoginChain.certificates(inFile: anchors, rule: "anchor").map { der in
      do {
        return try Certificate(der: der)
      } catch {
        throw CertificateRefusal("anchor", 0, "\(error)")
      }
    }
    let ders = try LoginChain.certificates(inFile: chain, rule: "certificate")
    return try LoginChain.verify(ders, anchors: trusted, role: role, at: time, dnsName: dnsName)[0]
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

  /// RFC 3339 with Z, or seconds since 1970-01-01T00:00:00Z.
  private static func seconds(_ text: String) throws -> Int64 {
    if let seconds = Int64(text) { return seconds }
    guard let date = try? Date(text, strategy: .iso8601) else {
      throw ProgramError(.usage, "--at \(text): must be like 2026-11-23T14:05:09Z, or seconds since 1970")
    }
    return Int64(date.timeIntervalSince1970)
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
