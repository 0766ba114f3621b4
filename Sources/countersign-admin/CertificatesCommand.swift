import ArgumentParser
import Bytes
import CountersignClient
import Glibc
import Messages
import ProgramSupport

/// Lists what ends soon.
struct Certificates: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists registered certificates that end soon, soonest first; revoked ones are left out.",
    discussion: """
      EXAMPLE
        countersign-admin certificates --expiring 30d
      """)

  @Option(help: "How far ahead: days (30d) or hours (12h).")
  var expiring: String

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run {
      let ahead = try seconds()
      let administrator = try await options.administrator()
      var request = ListCertificatesRequest()
      request.notAfterBeforeMs = UInt64(Int64(time(nil)) + ahead) * 1_000
      repeat {
        let reply = try await administrator.run { [request] in try await $0.listCertificates(request) }
        for certificate in reply.certificates { print(certificate) }
        request.after = reply.next
      } while !request.after.isEmpty
    }
  }

  private func seconds() throws -> Int64 {
    let units: [Character: Int64] = ["d": 86_400, "h": 3_600]
    guard let unit = expiring.last.flatMap({ units[$0] }), let count = Int64(digits: expiring.dropLast()),
      (1...36_500).contains(count)
    else { throw ProgramError(.usage, "--expiring \(expiring): must be days or hours, for example 30d or 12h") }
    return count * unit
  }

  private func print(_ certificate: RegisteredCertificate) {
    let name = certificate.name ?? CertificateName()
    let end = Int64(clamping: certificate.notAfterMs)
    switch options.output {
    case .text:
      Console.print(
        "\(TimeText.instant(end))  \(certificate.holderKind) \(certificate.holder)  serial \(Hex.encode(name.serial))  "
          + name.subject)
    case .json:
      Console.print(
        JSON.object([
          ("not_after_ms", .number(end)), ("holder_kind", .text(certificate.holderKind)),
          ("holder", .number(Int64(clamping: certificate.holder))), ("serial", .text(Hex.encode(name.serial))),
          ("issuer", .text(name.issuer)), ("subject", .text(name.subject)),
          ("fingerprint", .text(Hex.encode(name.fingerprint))),
        ]))
    }
  }
}
