import Cryptography
import Testing

/// What may be taken for verified because it was before, on the chain "plain" of the path vectors.
@Suite struct KnownPathsTests {
  let ders: [[UInt8]]
  let anchor: TrustAnchor
  let time: Int64
  let known = KnownPaths()

  init() throws {
    let vectors = try #require(PathVectors.all)
    let good = try #require(vectors.paths.first { $0.name == "plain" })
    ders = good.chain.map { hex(vectors.certificates[$0]) }
    let role = try #require(Role.allCases.first { "\($0)" == good.role })
    anchor = TrustAnchor(
      name: TrustAnchor.builtIn, certificates: try vectors.certificates(good.anchors), role: role)
    time = good.time
  }

  private func read(_ ders: [[UInt8]]? = nil, role: Role? = nil, at time: Int64? = nil) throws -> LoginChain {
    try LoginChain(ders ?? self.ders, role: role ?? anchor.role, at: time ?? self.time, known: known)
  }

  private func keep() throws -> VerifiedPath {
    let chain = try read()
    let path = try CertificatePath.verify(chain: chain.certificates, anchor: anchor, at: time)
    chain.keep(path, in: known)
    return path
  }

  @Test("a chain that nobody kept has no path")
  func unknown() throws {
    let chain = try read()
    #expect(chain.path == nil)
    #expect(chain.leaf.der == ders[0])
  }

  @Test("a chain that was kept has its path, with the anchor that it led to")
  func kept() throws {
    let path = try keep()
    let found = try #require(try read().path)
    #expect(found.certificates.map(\.der) == path.certificates.map(\.der))
    #expect(found.anchor.name == TrustAnchor.builtIn)
  }

  @Test("a chain is verified until its path is kept, and then no more")
  func verifiedOnce() throws {
    var verified = 0
    func path() throws -> VerifiedPath {
      try read().path { certificates throws(CertificateRefusal) in
        verified += 1
        return try CertificatePath.verify(chain: certificates, anchor: anchor, at: time)
      }
    }
    for _ in 0..<2 { _ = try path() }
    try read().keep(try path(), in: known)
    for _ in 0..<2 { _ = try path() }
    #expect(verified == 3)
  }

  @Test("a kept path is none in another role")
  func anotherRole() throws {
    _ = try keep()
    for role in Role.allCases where role != anchor.role { #expect(try read(role: role).path == nil, "\(role)") }
  }

  @Test("a kept path counts to the second in which the first of its certificates ends, and no longer")
  func ended() throws {
    let end = try #require(try keep().certificates.map(\.notAfter).min())
    #expect(try read(at: end).path != nil)
    #expect(try read(at: end + 1).path == nil)
  }

  @Test("a kept path counts from the second in which the last of its certificates begins, and no earlier")
  func notBegun() throws {
    let begin = try #require(try keep().certificates.map(\.notBefore).max())
    #expect(try read(at: begin).path != nil)
    #expect(try read(at: begin - 1).path == nil)
  }

  @Test("a chain with one bit changed in any certificate is not the kept one")
  func altered() throws {
    _ = try keep()
    for index in ders.indices {
      var changed = ders
      changed[index][changed[index].count - 1] ^= 1
      #expect(try read(changed).path == nil, "certificate \(index)")
    }
  }

  @Test("a chain with a certificate more, or one less, is not the kept one")
  func anotherLength() throws {
    _ = try keep()
    #expect(try read(ders + [ders[0]]).path == nil)
    #expect(try read(Array(ders.dropLast())).path == nil)
  }

  @Test("one path more than are kept forgets those before it")
  func full() throws {
    let known = KnownPaths(mostPaths: 2)
    let path = try keep()
    let chains = [ders, ders + [ders[0]], ders + [ders[1]]]
    for ders in chains {
      try LoginChain(ders, role: anchor.role, at: time, known: known).keep(path, in: known)
    }
    let isKept = try chains.map { try LoginChain($0, role: anchor.role, at: time, known: known).path != nil }
    #expect(isKept == [false, false, true])
  }
}
