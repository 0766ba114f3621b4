import Cryptography
import Testing

/// `Tests/Vectors/certificates/paths.json`: every certificate is written byte by byte by an independent program.
struct PathVectors: Decodable {
  struct Path: Decodable, Sendable, CustomTestStringConvertible {
    let name, rule, role, dnsName: String
    let index: Int
    let chain, anchors: [Int]
    let time: Int64
    var testDescription: String { name }
  }
  struct Unreadable: Decodable, Sendable, CustomTestStringConvertible {
    let name, der: String
    var testDescription: String { name }
  }
  let certificates: [String]
  let paths: [Path]
  let unreadable: [Unreadable]

  static let all = try? vectors("certificates/paths.json", as: PathVectors.self)

  func certificates(_ places: [Int]) throws -> [Certificate] {
    try places.map { try Certificate(der: hex(certificates[$0])) }
  }

  func verify(_ path: Path) throws {
    let role = try #require(Role.allCases.first { "\($0)" == path.role })
    try CertificatePath.verify(
      chain: try certificates(path.chain), anchors: try certificates(path.anchors), role: role, at: path.time,
      dnsName: path.dnsName.isEmpty ? nil : path.dnsName)
  }
}

@Suite struct CertificatePathTests {
  let vectors: PathVectors

  init() throws { vectors = try #require(PathVectors.all) }

  @Test("accepts", arguments: (PathVectors.all?.paths ?? []).filter(\.rule.isEmpty))
  func good(path: PathVectors.Path) throws { try vectors.verify(path) }

  @Test("refuses", arguments: (PathVectors.all?.paths ?? []).filter { !$0.rule.isEmpty })
  func refused(path: PathVectors.Path) throws {
    do {
      try vectors.verify(path)
      Issue.record("was accepted")
    } catch let refusal as CertificateRefusal {
      #expect(refusal.rule == path.rule, "\(refusal)")
      #expect(refusal.index == path.index, "\(refusal)")
    }
  }

  @Test("does not read as a certificate", arguments: PathVectors.all?.unreadable ?? [])
  func unreadable(certificate: PathVectors.Unreadable) {
    #expect(throws: CryptographyError.self) { try Certificate(der: hex(certificate.der)) }
  }

  @Test("an empty chain is refused")
  func empty() {
    #expect(throws: CertificateRefusal.self) {
      try CertificatePath.verify(chain: [], anchors: [], role: .consultant, at: 0, dnsName: nil)
    }
  }

  @Test("a chain that branches everywhere ends within the budget")
  func branching() throws {
    let good = try #require(vectors.paths.first { $0.name == "plain" })
    let chain = try vectors.certificates(good.chain)
    // Seven other certificates that all claim to have issued the leaf, and no anchor they could lead to.
    #expect(throws: CertificateRefusal.self) {
      try CertificatePath.verify(
        chain: [chain[0]] + Array(repeating: chain[1], count: 7), anchors: [], role: .consultant, at: good.time,
        dnsName: nil)
    }
  }
}
