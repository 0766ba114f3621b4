import Cryptography
import NIOCore
import NIOEmbedded
import TestCertificates
import Testing

@testable import TLS

/// What the two sides accept and refuse of each other.
@Suite struct HandshakeTests {
  private func refusal(client: TLSContext, server: TLSContext) throws -> TLSError? {
    let pair = try EmbeddedPair(client: client, server: server)
    try pair.exchange()
    return pair.client.recorder.tlsErrors.first
  }

  @Test func bothSidesCompleteAndTheClientSeesTheWholeChain() throws {
    let authority = try TestAuthority()
    let identity = try authority.issue(.server)
    let pair = try EmbeddedPair(client: .client(verify: authority.verification()), server: identity.server())
    try pair.exchange()
    #expect(pair.client.recorder.handshake?.peerChain == identity.chain)
    #expect(pair.server.recorder.handshake?.peerChain == [])
  }

  @Test func aHandshakeByteByByteCompletes() throws {
    let pair = try EmbeddedPair()
    try pair.exchange(pieces: 1)
    #expect(pair.client.recorder.handshake != nil)
    #expect(pair.server.recorder.handshake != nil)
  }

  @Test func aChainWithoutThePinnedRootIsRefused() throws {
    let other = try TestAuthority()
    let error = try refusal(
      client: .client(verify: other.verification()), server: TestAuthority().issue(.server).server())
    guard case .rootNotPresented(other.root.fingerprint)? = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test func anotherRootBesideThePinnedOneIsNoAnchor() throws {
    let (pinned, other) = (try TestAuthority(), try TestAuthority())
    let identity = try other.issue(.server)
    let server = try TLSContext.server(chain: identity.chain + [pinned.root], key: identity.key)
    let error = try refusal(client: .client(verify: pinned.verification()), server: server)
    guard case .certificateRefused(let refusal)? = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(refusal.rule == "path")
  }

  @Test func anExpiredCertificateIsRefused() throws {
    let authority = try TestAuthority()
    let error = try refusal(
      client: .client(verify: authority.verification()), server: authority.issue(.server, days: -1).server())
    guard case .certificateRefused(let refusal)? = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(refusal.rule == "validity")
  }

  @Test func aCertificateOfAnotherRoleIsRefused() throws {
    let authority = try TestAuthority()
    let error = try refusal(
      client: .client(verify: authority.verification(role: .server)), server: authority.issue(.gateway).server())
    guard case .certificateRefused(let refusal)? = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(refusal.rule == "role")
  }

  @Test func aCertificateForAnotherNameIsRefused() throws {
    let authority = try TestAuthority()
    let error = try refusal(
      client: .client(verify: authority.verification(dnsName: "pay.example")),
      server: authority.issue(.server, dnsNames: ["other.example"]).server())
    guard case .certificateRefused? = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test func theNameThatWasAskedForIsAccepted() throws {
    let authority = try TestAuthority()
    let pair = try EmbeddedPair(
      client: .client(verify: authority.verification(dnsName: "pay.example")),
      server: authority.issue(.server, dnsNames: ["pay.example"]).server())
    try pair.exchange()
    #expect(pair.client.recorder.handshake != nil)
  }

  @Test func aContextWithAnotherKeyIsRefused() throws {
    let identity = try TestAuthority().issue(.server)
    #expect(throws: TLSError.self) {
      try TLSContext.server(chain: identity.chain, key: PrivateKey.generate(.p256))
    }
  }
}

/// Client certificates, which a server may ask for.
@Suite struct ClientCertificateTests {
  private func pair(_ role: Role?, authority: TestAuthority, shownBy other: TestAuthority? = nil) throws -> EmbeddedPair
  {
    let identity = try role.map { try (other ?? authority).issue($0) }
    let pair = try EmbeddedPair(
      client: .client(verify: authority.verification(), chain: identity?.chain ?? [], key: identity?.key),
      server: authority.issue(.server).server(
        clientAnchors: [authority.root], clientRoles: [.administrator, .gateway]))
    try pair.exchange()
    return pair
  }

  @Test func aClientMayComeWithoutOne() throws {
    let pair = try pair(nil, authority: TestAuthority())
    #expect(pair.server.recorder.handshake?.peerChain == [])
  }

  @Test(arguments: [Role.administrator, .gateway]) func anAllowedRoleIsToldToTheServer(_ role: Role) throws {
    let pair = try pair(role, authority: TestAuthority())
    #expect(pair.server.recorder.handshake?.peerChain.first?.roles == [role])
  }

  @Test func anotherRoleIsRefused() throws {
    let pair = try pair(.consultant, authority: TestAuthority())
    guard case .certificateRefused? = pair.server.recorder.tlsErrors.first else {
      Issue.record("got \(pair.server.recorder.errors)")
      return
    }
    #expect(pair.server.recorder.handshake == nil)
  }

  @Test func anotherAuthorityIsRefusedAndTheClientHearsIt() throws {
    let pair = try pair(.administrator, authority: TestAuthority(), shownBy: TestAuthority())
    #expect(pair.server.recorder.handshake == nil)
    guard case .protocolError? = pair.client.recorder.tlsErrors.first else {
      Issue.record("got \(pair.client.recorder.errors)")
      return
    }
  }
}
