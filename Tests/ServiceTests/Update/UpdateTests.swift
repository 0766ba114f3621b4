import Authority
import Bundles
import Bytes
import CheckoutService
import Cryptography
import Files
import Foundation
import Messages
import Seals
import Synchronization
import TLS
import Testing

@testable import CountersignClient

/// What `update` refuses, over real TLS from a network service that lies. After each refusal the installed program, and
/// everything beside it, is as it was.
@Suite(.timeLimit(.minutes(5))) struct UpdateTests {
  @Test func aNewerProgramIsInstalledAndTheFormerOneKept() async throws {
    try await Place.with { place in
      try place.offer("1.1.0")
      let result = try await place.update()
      #expect(result.outcome == .updated(former: "\(place.program).former"))
      #expect(try Files.read(place.program) == Place.script("1.1.0"))
      #expect(try Files.read("\(place.program).former") == Place.script("1.0.0"))
      #expect(try place.names() == ["countersign-terminal", "countersign-terminal.former"])
      #expect(FileManager.default.isExecutableFile(atPath: place.program))
    }
  }

  @Test func aSecondUpdateReplacesTheFormerOne() async throws {
    try await Place.with { place in
      try place.offer("1.1.0")
      _ = try await place.update()
      try place.offer("1.2.0")
      _ = try await place.update(installed: "1.1.0")
      #expect(try Files.read(place.program) == Place.script("1.2.0"))
      #expect(try Files.read("\(place.program).former") == Place.script("1.1.0"))
    }
  }

  @Test func toldOnlyNothingIsChangedOrFetched() async throws {
    try await Place.with { place in
      try place.offer("1.1.0")
      let result = try await place.update(isOnlyTold: true)
      #expect(result.outcome == .available)
      #expect(place.service.paths == ["/\(Place.newest)"])
      try place.isUntouched()
    }
  }

  @Test func theSameVersionIsLeftAlone() async throws {
    try await Place.with { place in
      try place.offer("1.0.0")
      #expect(try await place.update().outcome == .current)
      try place.isUntouched()
    }
  }

  @Test func anOlderVersionIsRefused() async throws {
    try await Place.with { place in
      try place.offer("0.9.9")
      try await place.refuses("older") { if case .older = $0 { true } else { false } }
    }
  }

  @Test func anAlteredProgramIsRefused() async throws {
    try await Place.with { place in
      var altered = Place.script("1.1.0")
      altered[altered.count - 3] ^= 1
      try place.offer("1.1.0", serving: altered)
      try await place.refuses("is not what was signed", \.isUntrusted)
    }
  }

  @Test(arguments: ["sha256", "size", "version", "signature"])
  func anAlteredDescriptionIsRefused(_ field: String) async throws {
    try await Place.with { place in
      var signed = try place.signed("1.1.0", Place.script("1.1.0"))
      var bundle = try Bundle(decoding: signed.bundle)
      switch field {
      case "sha256": bundle.sha256[0] ^= 1
      case "size": bundle.size += 1
      case "version": bundle.version = "1.2.0"
      default: signed.signature[signed.signature.count - 1] ^= 1
      }
      signed.bundle = bundle.encoded()
      place.serve(signed.encoded(), Place.script("1.1.0"))
      try await place.refuses("signature that does not fit", \.isUntrusted)
    }
  }

  /// Roles cannot be exchanged: not even the certificate that signs profiles may sign programs.
  @Test(arguments: [Role.sealing, .server, .consultant, .administrator])
  func aDescriptionSignedInAnotherRoleIsRefused(_ role: Role) async throws {
    try await Place.with { place in
      try place.offer("1.1.0", role: role)
      try await place.refuses("role", \.isUntrusted)
    }
  }

  @Test func aDescriptionOfAnotherServiceIsRefused() async throws {
    try await Place.with { place in
      let other = try Issuer.makeRoot(serviceName: "other.test", now: Int64(time(nil)))
      let issuing = try other.makeIssuing(now: Int64(time(nil)))
      try place.offer("1.1.0", issuer: issuing)
      try await place.refuses("does not lead to the service's root", \.isUntrusted)
    }
  }

  @Test(arguments: [("countersign-gateway", "linux-x86_64"), ("countersign-terminal", "linux-aarch64")])
  func aDescriptionOfAnotherProgramOrMachineIsRefused(_ program: String, _ platform: String) async throws {
    guard program != DeliveredProgram.terminal.rawValue || platform != "\(ProgramPlatform.current)" else { return }
    try await Place.with { place in
      try place.offer("1.1.0", program: program, platform: platform)
      try await place.refuses("is not this program", \.isUntrusted)
    }
  }

  @Test func aProgramThatSaysAnotherVersionIsRefused() async throws {
    try await Place.with { place in
      try place.offer("1.1.0", Place.script("1.0.5"))
      try await place.refuses("1.0.5") { if case .unusable = $0 { true } else { false } }
    }
  }

  @Test func aProgramThatDoesNotStartIsRefused() async throws {
    try await Place.with { place in
      try place.offer("1.1.0", Array("#!/nonexistent/interpreter\n".utf8))
      try await place.refuses("cannot be used") { if case .unusable = $0 { true } else { false } }
    }
  }

  @Test(arguments: [0, 1, 10, 39])
  func aCutConnectionLeavesEverythingAsItWas(_ count: Int) async throws {
    try await Place.with { place in
      for isClean in [true, false] {
        let program = Place.script("1.1.0")
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(program.count)\r\n\r\n".utf8)
        place.serve(try place.signed("1.1.0", program).encoded(), .raw(head + program.prefix(count), isClean: isClean))
        try await place.refuses("ended before") { if case .unreachable = $0 { true } else { false } }
      }
    }
  }

  @Test func aSilentServiceIsGivenUp() async throws {
    try await Place.with { place in
      place.service.answer { _ in .silence }
      try await place.refuses("silent", silence: 700) { if case .unreachable = $0 { true } else { false } }
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "answered 302"),
    ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "answered 500"),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "offers no program"),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "without its length"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", "more than"),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "description of the offered program"),
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
  ])
  func anAnswerThatIsNoneIsRefused(_ answer: String, _ words: String) async throws {
    try await Place.with { place in
      place.service.answer { _ in .raw(Array(answer.utf8), isClean: true) }
      try await place.refuses(words) { _ in true }
    }
  }

  @Test func aServerWithAnotherCertificateIsSentNothing() async throws {
    let now = Int64(time(nil))
    let other = try Issuer.makeRoot(serviceName: "pay.test", now: now).makeIssuing(now: now)
    try await Place.with(server: other) { place in
      try place.offer("1.1.0")
      try await place.refuses("not the profile's", \.isUntrusted)
      #expect(place.service.paths == [])
    }
  }

  @Test func twoUpdatesAtOnceDoNotDisturbEachOther() async throws {
    try await Place.with { place in
      try place.offer("1.1.0")
      let running = try ProgramReplacement(place.program)
      let error = await #expect(throws: UpdateError.self) { try await place.update() }
      guard case .busy? = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
      running.abandon()
    }
    // The lock ends with its holder, and what that left is written over.
    try await Place.with { place in
      try Files.write([1, 2, 3], to: "\(place.program).new")
      try place.offer("1.1.0")
      #expect(try await place.update().outcome == .updated(former: "\(place.program).former"))
    }
  }

  @Test func aProfileWithoutANetworkServiceSaysSo() async throws {
    try await TestService.withKim { _, terminal in
      let error = await #expect(throws: UpdateError.self) {
        try await ProgramUpdate(profile: terminal.trusted, program: "countersign-terminal 1.0.0")
          .run(replacing: "/nonexistent", isOnlyTold: false)
      }
      guard case .noNetworkService? = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
    }
  }
}

extension UpdateError {
  fileprivate var isUntrusted: Bool { if case .untrusted = self { true } else { false } }
}

/// A service whose profile leads to a fake network service, a terminal, and an installed program that is a script.
private final class Place: Sendable {
  static let newest = BundleName.newest(.terminal, .current)
  let service: FakeNetworkService
  let program: String
  private let issuer: Issuer
  private let profile: TrustedProfile
  private let folder: String

  static func script(_ version: String) -> [UInt8] { Array("#!/bin/sh\necho countersign-terminal \(version)\n".utf8) }

  /// - Parameter server: issues the network service's certificate; nil: the service itself.
  static func with(server: Issuer? = nil, _ body: (Place) async throws -> Void) async throws {
    let service = try TestService()
    let issuer = try Self.issuer("\(service.root)/server")
    let identity = try Self.issue(.server, server ?? issuer, dnsNames: ["localhost"])
    let fake = try await FakeNetworkService(chain: identity.chain, key: identity.key)
    try await service.start(network: .init(listenPort: 0, publicPort: fake.port))
    do {
      try await service.addCompany("Acme")
      let token = try await service.addConsultant("Kim", company: "Acme").token
      let terminal = try await service.enrol("kim", token: token, holding: "Acme")
      try await body(Place(fake, issuer, terminal.trusted, folder: "\(service.root)/bin"))
    } catch {
      await service.stop()
      throw error
    }
    await service.stop()
    await fake.close()
  }

  private init(_ service: FakeNetworkService, _ issuer: Issuer, _ profile: TrustedProfile, folder: String) throws {
    (self.service, self.issuer, self.profile, self.folder) = (service, issuer, profile, folder)
    program = "\(folder)/countersign-terminal"
    try Files.makeFolder(folder)
    try Files.write(Self.script("1.0.0"), to: program, mode: 0o755)
  }

  private static func issuer(_ folder: String) throws -> Issuer {
    let chain = try Certificate.fromPEM(try Files.read("\(folder)/authority/issuing.pem"))
    let key = try PrivateKey(pem: try Files.readSecret("\(folder)/authority/issuing.key"), passphrase: nil)
    return Issuer(certificate: chain[0], key: key, chain: chain)
  }

  private static func issue(
    _ role: Role, _ issuer: Issuer, dnsNames: [String] = []
  ) throws -> (chain: [Certificate], key: PrivateKey) {
    let key = PrivateKey.generate(.p256)
    let request = try CertificateRequest(
      der: CertificateRequest.make(key: key, commonName: "test", organisation: nil))
    let leaf = try issuer.issue(
      request, role: role, commonName: "test", organisation: nil, dnsNames: dnsNames, now: Int64(time(nil)))
    return ([leaf] + issuer.chain, key)
  }

  /// A description that says the truth about `bytes`, signed in a role.
  func signed(
    _ version: String, _ bytes: [UInt8], program: String = "countersign-terminal",
    platform: String = "\(ProgramPlatform.current)", role: Role = .bundle, issuer: Issuer? = nil
  ) throws -> SignedBundle {
    let signer = try Self.issue(
      role, issuer ?? self.issuer, dnsNames: role == .server ? ["localhost"] : [])
    var bundle = Bundle()
    (bundle.program, bundle.version, bundle.platform) = (program, version, platform)
    (bundle.size, bundle.sha256) = (UInt64(bytes.count), SHA256.digest(bytes).bytes)
    var signed = SignedBundle()
    signed.bundle = bundle.encoded()
    signed.signature = try signer.key.sign(SigningInput.bundle(signed.bundle))
    signed.chain = signer.chain.map(\.der)
    return signed
  }

  /// Offers a program.
  ///
  /// - Parameters:
  ///   - bytes: what is signed; nil: a script that says this version.
  ///   - serving: what is served; nil: what is signed.
  func offer(
    _ version: String, _ bytes: [UInt8]? = nil, serving: [UInt8]? = nil, program: String = "countersign-terminal",
    platform: String = "\(ProgramPlatform.current)", role: Role = .bundle, issuer: Issuer? = nil
  ) throws {
    let bytes = bytes ?? Self.script(version)
    let signed = try signed(version, bytes, program: program, platform: platform, role: role, issuer: issuer)
    serve(signed.encoded(), serving ?? bytes)
  }

  func serve(_ description: [UInt8], _ program: [UInt8]) { serve(description, .bytes(program)) }

  func serve(_ description: [UInt8], _ program: FakeNetworkService.Answer) {
    service.answer { $0 == "/\(Self.newest)" ? .bytes(description) : program }
  }

  func update(
    installed: String = "1.0.0", isOnlyTold: Bool = false, silence: Int64? = nil
  ) async throws -> ProgramUpdate.Result {
    var update = ProgramUpdate(profile: profile, program: "countersign-terminal \(installed)")
    if let silence { update.limits.silence = .milliseconds(silence) }
    return try await update.run(replacing: program, isOnlyTold: isOnlyTold)
  }

  func names() throws -> [String] { try Files.names(in: folder) }

  /// The installed program stands there alone and as it was.
  func isUntouched(sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(try names() == ["countersign-terminal"], sourceLocation: sourceLocation)
    #expect(try Files.read(program) == Self.script("1.0.0"), sourceLocation: sourceLocation)
  }

  /// Records an issue where an update is not refused for a reason with these words, or changes anything.
  func refuses(
    _ words: String, silence: Int64? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    _ isRight: (UpdateError) -> Bool
  ) async throws {
    let error = await #expect(throws: UpdateError.self, sourceLocation: sourceLocation) {
      try await self.update(silence: silence)
    }
    if let error {
      #expect(isRight(error), "\(error)", sourceLocation: sourceLocation)
      #expect(error.description.contains(words), sourceLocation: sourceLocation)
    }
    try isUntouched(sourceLocation: sourceLocation)
  }
}
