import Bundles
import Bytes
import Cryptography
import Files
import TLS

/// Replaces an installed program by the newer one that the service offers. Connects to the network service that the
/// signed profile names and nowhere else, and sends nothing but requests for files.
///
/// Source: docs/security.md, "Bundles".
public struct ProgramUpdate: Sendable {
  /// What was found or done.
  public enum Outcome: Sendable, Equatable {
    /// The installed program is the offered version.
    case current
    /// A newer one is offered; nothing was done.
    case available
    /// The newer one is installed; the former one stands beside it.
    case updated(former: String)
  }

  /// What came of an update.
  public struct Result: Sendable {
    public let installed: ProgramVersion
    public let offered: ProgramVersion
    /// SHA-256 of the offered program.
    public let digest: Bytes32
    public let outcome: Outcome
  }

  let profile: TrustedProfile
  let program: DeliveredProgram
  let installed: ProgramVersion
  var limits = HTTPSFetch.Limits()

  /// - Parameter program: name and version of the installed program, for example "countersign-terminal 1.0.0".
  public init(profile: TrustedProfile, program: String) {
    let words = program.split(separator: " ")
    guard words.count == 2, let name = DeliveredProgram(rawValue: String(words[0])),
      let version = ProgramVersion(words[1])
    else { preconditionFailure("a program names itself and its version") }
    self.profile = profile
    self.program = name
    installed = version
  }

  /// Asks what is offered and installs it where it is newer.
  ///
  /// - Parameters:
  ///   - path: the installed program.
  ///   - isOnlyTold: true tells and leaves everything as it is.
  /// - Throws: ``UpdateError``, `FileError`; the installed program is as it was then.
  public func run(replacing path: String, isOnlyTold: Bool) async throws -> Result {
    let fetch = try fetch()
    let offered = try await offer(fetch)
    let version = offered.name.version
    guard version >= installed else { throw UpdateError.older(offered: "\(version)", installed: "\(installed)") }
    let outcome: Outcome
    if version == installed {
      outcome = .current
    } else if isOnlyTold {
      outcome = .available
    } else {
      outcome = .updated(former: try await install(offered, fetch, at: path))
    }
    return Result(installed: installed, offered: version, digest: offered.digest, outcome: outcome)
  }

  private func fetch() throws -> HTTPSFetch {
    let profile = profile.profile
    guard profile.networkPort > 0 else { throw UpdateError.noNetworkService }
    let verify = ServerVerification(
      rootFingerprint: self.profile.rootFingerprint, dnsName: profile.networkDnsName, role: .server)
    return HTTPSFetch(
      host: profile.networkHost, port: UInt16(profile.networkPort),
      tls: try .client(verify: verify, applicationProtocol: .http), product: "\(program.rawValue)/\(installed)",
      limits: limits)
  }

  /// The newest version for this platform, its description verified under the pinned root.
  private func offer(_ fetch: HTTPSFetch) async throws -> TrustedBundle {
    let path = "/\(BundleName.newest(program, .current))"
    var bytes: [UInt8] = []
    try await fetch.get(path, limit: UInt64(BundleLimits.largestDescription)) { bytes += $0.readableBytesView }
    let bundle: TrustedBundle
    do {
      bundle = try TrustedBundle(bytes, pinned: profile.rootFingerprint, now: Wall.milliseconds() / 1_000)
    } catch {
      throw UpdateError.untrusted("the description of the offered program \(error)")
    }
    guard bundle.name.program == program, bundle.name.platform == .current else {
      throw UpdateError.untrusted("the network service offers \(bundle.name.file), which is not this program")
    }
    return bundle
  }

  /// Fetches beside the program, compares, tries it, and puts it in the program's place.
  private func install(_ offered: TrustedBundle, _ fetch: HTTPSFetch, at path: String) async throws -> String {
    let replacement = try ProgramReplacement(path)
    do {
      var hasher = SHA256Hasher()
      try await fetch.get("/\(offered.name.file)", limit: offered.size) { bytes in
        try bytes.withUnsafeReadableBytes {
          hasher.update($0)
          try replacement.write($0)
        }
      }
      guard replacement.count == offered.size, hasher.finish() == offered.digest else {
        throw UpdateError.untrusted("\(offered.name.file) is not what was signed; nothing was changed")
      }
      try replacement.complete()
      try ProgramTrial(path: replacement.temporary).run(saying: "\(program.rawValue) \(offered.name.version)")
      return try replacement.replace()
    } catch {
      replacement.abandon()
      throw error
    }
  }
}
