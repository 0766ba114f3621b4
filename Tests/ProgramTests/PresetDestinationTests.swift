import Authority
import CountersignRPC
import Cryptography
import Files
import Foundation
import Messages
import Seals
import Testing

@testable import CountersignClient

/// Nothing moves a login, a payment, a question or an update to another place than the signed profile's: the other place
/// listens, and nothing comes to it beyond a TLS hello (docs/security.md, "Preset destination").
@Suite(.serialized, .timeLimit(.minutes(5))) struct PresetDestinationTests {
  /// Every command of the terminal that connects.
  static let commands = [
    ["login", "--check"], ["pay", "--order", "A-1", "--amount", "500", "--currency", "KRW"],
    ["status", "0199a1b2c3d4700080001122334455ff"], ["update", "--check"],
  ]

  private let place: Preset

  init() throws { place = try Preset.shared.get() }

  // MARK: - The profile

  /// A field of the profile leads elsewhere, the signature is as it was.
  @Test(arguments: ["hop_host", "hop_port", "hop_dns_name", "network_host", "network_port", "root_fingerprint"])
  func anAlteredProfileSendsNothing(_ field: String) async throws {
    let elsewhere = try await Elsewhere(.mute, address: "127.0.0.3")
    let folder = try place.copy()
    try folder.alterProfile { profile in
      switch field {
      case "hop_host": profile.hopHost = "127.0.0.3"
      case "hop_port": profile.hopPort = UInt32(elsewhere.port)
      case "hop_dns_name": profile.hopDnsName = "elsewhere.test"
      case "network_host": profile.networkHost = "127.0.0.3"
      case "network_port": profile.networkPort = UInt32(elsewhere.port)
      default: profile.rootFingerprint[0] ^= 1
      }
    }
    for command in Self.commands {
      let result = try place.terminal(command, in: folder)
      #expect(result.status == 77, "\(command[0]): \(result.status) \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }

  /// A profile that another service has signed as it should be, leading to that service.
  @Test func theProfileOfAnotherServiceSendsNothing() async throws {
    let elsewhere = try await Elsewhere(.mute)
    let folder = try place.copy()
    let other = try OtherService()
    try folder.write(profile: other.profile(port: elsewhere.port))
    for command in Self.commands {
      let result = try place.terminal(command, in: folder)
      #expect(result.status == 77, "\(command[0]): \(result.status) \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }

  /// The same, with that service's root beside the key too. (An update is no login and is not told a passphrase: what is
  /// in the folder is believed there as far as its owner is.)
  @Test func anotherRootBesideTheKeySendsNothing() async throws {
    let elsewhere = try await Elsewhere(.mute)
    let folder = try place.copy()
    let other = try OtherService()
    try folder.write(profile: other.profile(port: elsewhere.port))
    let path = "\(folder.path)/consultant.key"
    var lines = try String(contentsOfFile: path, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0].hasPrefix("service-root: "))
    lines[0] = "service-root: \(other.rootHex)"
    try Files.write(Array(lines.joined(separator: "\n").utf8), to: path)
    for command in Self.commands.dropLast() {
      let result = try place.terminal(command, in: folder)
      #expect(result.status == 77 && result.errors.contains("root"), "\(command[0]): \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }

  // MARK: - The other end

  /// Somebody else answers at the profile's own host and ports.
  @Test(arguments: OtherEnd.allCases)
  func anotherCertificateAtTheRightPlaceIsToldNothing(_ end: OtherEnd) async throws {
    let preset = try Preset()
    preset.server.kill()
    let elsewhere = try await Elsewhere(
      try end.manner(preset.server), ports: [preset.server.port, preset.server.httpsPort])
    for command in Self.commands {
      let result = try preset.terminal(command)
      #expect(result.status == end.status, "\(command[0]): \(result.status) \(result.errors)")
    }
    #expect(elsewhere.visits.count >= Self.commands.count)
    let others = elsewhere.visits.filter { !$0.isHelloOnly }
    #expect(others.isEmpty, "\(others)")
    await elsewhere.close()
    preset.server.end()
  }

  enum OtherEnd: CaseIterable {
    case mute
    /// The same names under another root.
    case otherRoot
    /// The service's root, another name.
    case otherName
    /// The service's root and name, another role.
    case otherRole

    /// What the terminal ends with: it could not reach the service, or does not trust who answers.
    var status: Int32 { self == .mute ? 69 : 77 }

    func manner(_ server: ServerProcess) throws -> Elsewhere.Manner {
      let now = Int64(Date().timeIntervalSince1970)
      let issuer =
        self == .otherRoot
        ? try Issuer.makeRoot(serviceName: "pay.test", now: now).makeIssuing(now: now)
        : try ServiceFolder("\(server.root)/server").issuer()
      let key = PrivateKey.generate(.p256)
      let request = try CertificateRequest(
        der: CertificateRequest.make(key: key, commonName: "elsewhere", organisation: nil))
      let leaf = try issuer.issue(
        request, role: self == .otherRole ? .gateway : .server, commonName: "elsewhere", organisation: nil,
        dnsNames: [self == .otherName ? "elsewhere.test" : "localhost"], now: now)
      switch self {
      case .mute: return .mute
      default: return .tls(chain: [leaf] + issuer.chain, key: key)
      }
    }
  }

  // MARK: - DNS

  @Test func aDNSAnswerThatLeadsElsewhereIsToldNothing() async throws {
    let preset = try Preset(publicHost: "service.countersign.test")
    // The right answer first, so that the wrong one is what fails.
    let right = try preset.resolving("127.0.0.1")
    for command in Self.commands.filter({ $0[0] != "status" }) {
      let result = try preset.terminal(command, environment: right)
      #expect(result.status == 0, "\(command[0]): \(result.errors)")
    }
    let wrong = try preset.resolving("127.0.0.2")
    for end in [OtherEnd.mute, .otherRoot] {
      let elsewhere = try await Elsewhere(
        try end.manner(preset.server), address: "127.0.0.2", ports: [preset.server.port, preset.server.httpsPort])
      for command in Self.commands {
        let result = try preset.terminal(command, environment: wrong)
        #expect(result.status == end.status, "\(command[0]): \(result.status) \(result.errors)")
      }
      #expect(elsewhere.visits.count >= Self.commands.count)
      let others = elsewhere.visits.filter { !$0.isHelloOnly }
      #expect(others.isEmpty, "\(others)")
      await elsewhere.close()
    }
    preset.server.end()
  }

  // MARK: - Environment and flags

  @Test func noEnvironmentVariableLeadsElsewhere() async throws {
    let elsewhere = try await Elsewhere(.mute)
    let address = "127.0.0.1:\(elsewhere.port)"
    var environment: [String: String] = [:]
    for name in ["SERVER", "ADDRESS", "SERVICE", "GATEWAY", "HOP", "NETWORK", "PROFILE", "UPDATE"] {
      environment["COUNTERSIGN_\(name)"] = address
    }
    for name in ["HOST", "PUBLIC_HOST", "HOP_HOST", "NETWORK_HOST", "LISTEN"] {
      environment["COUNTERSIGN_\(name)"] = "127.0.0.1"
    }
    for name in ["PORT", "PUBLIC_PORT", "HOP_PORT", "HTTPS_PORT", "PUBLIC_HTTPS_PORT"] {
      environment["COUNTERSIGN_\(name)"] = "\(elsewhere.port)"
    }
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
      environment[name] = "http://\(address)"
    }
    environment["RES_OPTIONS"] = "attempts:1"
    environment["SSLKEYLOGFILE"] = "\(place.server.root)/keys.log"
    for command in Self.commands.filter({ $0[0] != "status" }) {
      let result = try place.terminal(command, environment: environment)
      #expect(result.status == 0, "\(command[0]): \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: "\(place.server.root)/keys.log"), "TLS keys were written out")
    await elsewhere.close()
  }

  @Test func noSettingsFileLeadsElsewhere() async throws {
    let elsewhere = try await Elsewhere(.mute)
    let file = "\(place.server.root)/settings"
    let lines = ["SERVER=127.0.0.1:\(elsewhere.port)", "PUBLIC_HOST=127.0.0.1", "PORT=\(elsewhere.port)"]
    try Data(lines.map { "COUNTERSIGN_\($0)\n" }.joined().utf8).write(to: URL(fileURLWithPath: file))
    for command in Self.commands.filter({ $0[0] != "status" }) {
      let result = try place.terminal(command + ["--settings", file])
      #expect(result.status == 0, "\(command[0]): \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }

  @Test(arguments: ["--server", "--host", "--port", "--hop", "--proxy", "--url", "--network", "--profile", "--root"])
  func noFlagLeadsElsewhere(_ flag: String) async throws {
    let elsewhere = try await Elsewhere(.mute)
    for command in Self.commands {
      let value = flag == "--port" ? "\(elsewhere.port)" : "127.0.0.1:\(elsewhere.port)"
      let result = try place.terminal(command + [flag, value])
      #expect(result.status == 64, "\(command[0]): \(result.status) \(result.errors)")
    }
    #expect(elsewhere.visits.isEmpty)
    await elsewhere.close()
  }
}

/// A server with programs, and the terminal of consultant Kim.
private final class Preset {
  nonisolated(unsafe) static let shared: Result<Preset, any Error> = Result {
    atexit { if case .success(let place) = Preset.shared { place.server.end() } }
    return try Preset()
  }

  let desk: Desk
  private let name: String
  var server: ServerProcess { desk.server }

  init(publicHost: String = "localhost") throws {
    name = publicHost
    desk = try Desk(arguments: ["--https-port", "0", "--public-host", publicHost])
    let program = "\(desk.server.root)/offered"
    try Bundles.program("countersign-terminal", "1.1.0", at: program)
    let added = try Bundles.add(desk.server, "--terminal", program, "1.1.0")
    try #require(added.status == 0, "\(added.errors)")
  }

  /// Runs a command; the card is on its standard input.
  func terminal(
    _ command: [String], in folder: TerminalFolder? = nil, environment: [String: String] = [:]
  ) throws -> Program.Result {
    var all = desk.environment.merging(environment) { $1 }
    if let folder { all["COUNTERSIGN_TERMINAL"] = folder.path }
    return try Program.run("countersign-terminal", command, input: Desk.card, environment: all)
  }

  /// A copy of the terminal's folder.
  func copy() throws -> TerminalFolder {
    let path = "\(server.root)/terminal-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: "\(server.root)/terminal", toPath: path)
    return TerminalFolder(path)
  }

  func resolving(_ address: String) throws -> [String: String] {
    try Resolver.environment(name, address, folder: server.root)
  }
}

extension TerminalFolder {
  fileprivate func write(profile: SignedProfile) throws {
    try Files.write(profile.encoded(), to: "\(path)/profile.signed")
  }

  fileprivate func alterProfile(_ change: (inout Profile) -> Void) throws {
    var signed = try SignedProfile(decoding: try Files.read("\(path)/profile.signed"))
    var profile = try Profile(decoding: signed.profile)
    change(&profile)
    signed.profile = profile.encoded()
    try write(profile: signed)
  }
}

/// A service of somebody else, with everything that belongs to one.
private struct OtherService {
  private let root: Issuer
  private let issuing: Issuer
  private let now = Int64(Date().timeIntervalSince1970)

  init() throws {
    root = try Issuer.makeRoot(serviceName: "pay.test", now: now)
    issuing = try root.makeIssuing(now: now)
  }

  var rootHex: String { root.certificate.fingerprint.bytes.map { String(format: "%02x", $0) }.joined() }

  /// A profile for both of its ports at `port`, with a good signature under its own root.
  func profile(port: Int) throws -> SignedProfile {
    var profile = Profile()
    profile.serviceName = "pay.test"
    profile.rootFingerprint = root.certificate.fingerprint.bytes
    (profile.hopHost, profile.hopPort, profile.hopDnsName, profile.hopRole) = (
      "127.0.0.1", UInt32(port), "x.test", .server
    )
    (profile.networkHost, profile.networkPort, profile.networkDnsName) = ("127.0.0.1", UInt32(port), "x.test")
    (profile.number, profile.notAfterMs) = (99, UInt64(now + 86_400) * 1_000)
    let key = PrivateKey.generate(.p256)
    let request = try CertificateRequest(der: CertificateRequest.make(key: key, commonName: "x", organisation: nil))
    let leaf = try issuing.issue(request, role: .sealing, commonName: "x", organisation: nil, now: now)
    var signed = SignedProfile()
    signed.profile = profile.encoded()
    signed.signature = try key.sign(SigningInput.profile(signed.profile))
    signed.chain = ([leaf] + issuing.chain).map(\.der)
    return signed
  }
}
