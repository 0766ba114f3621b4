import Bundles
import Bytes
import Cryptography
import Files
import Glibc
import Logging
import Synchronization

/// What is served, by path: the page, the manifest, and the newest version of each program in the folder of bundles with
/// what belongs to it. Nothing else has a path, so no path can lead out of the folder.
///
/// Reads files; used on threads that may wait.
final class Catalogue: Sendable {
  private struct State {
    /// What the folder held when it was last read, by name.
    var seen: [String: FileStamp] = [:]
    var resources: [String: Resource] = [:]
    /// Port that the page names.
    var port: UInt16 = 0
  }

  private let folder: String
  private let service: ServedService
  private let logger: Logger
  private let state = Mutex(State())

  init(folder: String, service: ServedService, logger: Logger) {
    self.folder = folder
    self.service = service
    self.logger = logger
  }

  /// Has the page name this port; called once it is known.
  func use(publicPort: UInt16) {
    state.withLock { state in
      state.port = publicPort
      state.resources = resources(of: [], publicPort)
    }
  }

  /// The resource of a path, by the present contents of the folder; nil: there is none.
  func resource(_ path: String) -> Resource? {
    let seen = stamps()
    return state.withLock { state in
      if seen != state.seen {
        state.seen = seen
        state.resources = resources(of: bundles(seen.keys.sorted()), state.port)
      }
      return state.resources[path]
    }
  }

  /// A folder that is not there serves nothing.
  private func stamps() -> [String: FileStamp] {
    let names = (try? Files.names(in: folder)) ?? []
    return names.reduce(into: [:]) { $0[$1] = Files.stamp("\(folder)/\($1)") }
  }
}

// MARK: - Reading

extension Catalogue {
  /// A bundle whose files are what its signed description says.
  struct Entry {
    let bundle: TrustedBundle
    let description: [UInt8]
    let file: OpenFile
    /// Nil: the folder has none.
    let signature: [UInt8]?
  }

  /// The newest trustworthy version of each program and platform. What is not trustworthy is logged and left out.
  private func bundles(_ names: [String]) -> [Entry] {
    var newest: [String: Entry] = [:]
    for name in names where name.hasSuffix(".signed") {
      do {
        let entry = try entry(name)
        let key = BundleName.newest(entry.bundle.name.program, entry.bundle.name.platform)
        if newest[key].map({ $0.bundle.name.version < entry.bundle.name.version }) ?? true { newest[key] = entry }
      } catch {
        logger.error("a bundle is not served", metadata: ["file": "\(folder)/\(name)", "error": "\(error)"])
      }
    }
    return newest.sorted { $0.key < $1.key }.map(\.value)
  }

  private func entry(_ name: String) throws -> Entry {
    let description = try Files.read("\(folder)/\(name)", limit: BundleLimits.largestDescription)
    let bundle = try TrustedBundle(description, pinned: service.root, now: Int64(time(nil)))
    let path = "\(folder)/\(bundle.name.file)"
    guard name == bundle.name.description else {
      throw FileError(path: "\(folder)/\(name)", doing: "serve", cause: "describes \(bundle.name.file)")
    }
    let file = try OpenFile(path)
    guard UInt64(file.size) == bundle.size, try Self.digest(file) == bundle.digest else {
      throw FileError(path: path, doing: "serve", cause: "is not what was signed; run countersign-server bundle again")
    }
    let signature = try? Files.read("\(folder)/\(bundle.name.signature)", limit: 1_024)
    return Entry(bundle: bundle, description: description, file: file, signature: signature)
  }

  private static func digest(_ file: OpenFile) throws -> Bytes32 {
    var (hasher, offset) = (SHA256Hasher(), Int64(0))
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = try piece.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
      guard count > 0 else { return hasher.finish() }
      piece.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      offset += Int64(count)
    }
  }

  private func resources(of entries: [Entry], _ port: UInt16) -> [String: Resource] {
    var resources = [
      "/": Resource(Array(Page(service: service, port: port, entries: entries).html.utf8), "text/html; charset=utf-8"),
      "/manifest.json": Resource(Array(Manifest(service: service, entries: entries).json.utf8), "application/json"),
    ]
    for entry in entries {
      let name = entry.bundle.name
      let description = Resource(entry.description, "application/octet-stream", fileName: name.description)
      resources["/\(name.description)"] = description
      resources["/\(BundleName.newest(name.program, name.platform))"] = description
      resources["/\(name.file)"] = Resource(entry.file, digest: entry.bundle.digest, fileName: name.file)
      resources["/\(name.chain)"] = Resource(
        entry.bundle.chain.flatMap(\.pem), "application/x-pem-file", fileName: name.chain)
      resources["/\(name.signature)"] = entry.signature.map {
        Resource($0, "application/octet-stream", fileName: name.signature)
      }
    }
    return resources
  }
}

/// The service whose programs these are.
public struct ServedService: Sendable {
  /// Lower-case ASCII, as in the root's common name.
  public let name: String
  /// SHA-256 of the root's DER.
  public let root: Bytes32
  /// Where the network service is reached, without port, as the page shows it.
  public let host: String
  /// Where terminals enrol: host and port.
  public let enrolment: String

  public init(name: String, root: Bytes32, host: String, enrolment: String) {
    self.name = name
    self.root = root
    self.host = host
    self.enrolment = enrolment
  }
}
