import Audit
import Authority
import Cryptography
import Files
import HTTPPost
import NIOCore
import TLS

/// A company's HTTPS address that gets every head. Source: docs/operations.md, "Heads elsewhere".
struct HeadReceiver: Sendable {
  /// Heads of one post.
  static let largestPost = 1_000

  /// Name of its folder.
  let name: String
  /// Milliseconds between two posts.
  let interval: Int64
  private let folder: String
  private let post: HTTPPost

  /// Reads every receiver of `DATA/receivers`; none where there is no such folder.
  ///
  /// - Throws: `FileError` that names file and line.
  static func readAll(in path: String) throws -> [HeadReceiver] {
    guard Files.exists(path) else { return [] }
    return try Files.names(in: path).map { try HeadReceiver(reading: "\(path)/\($0)", name: $0) }
  }

  private init(reading folder: String, name: String) throws {
    self.name = name
    self.folder = folder
    let anchorsPath = "\(folder)/anchors.pem"
    var settings = try FolderSettings(reading: "\(folder)/receiver.conf")
    let address = try settings.required("url", form: "https://HOST[:PORT][/PATH]") { HTTPSAddress($0) }
    interval = try settings.number("interval", in: 1...86_400, default: 10) * 1_000
    let timeout = try settings.number("timeout", in: 100...60_000, default: 10_000)
    try settings.end()
    do {
      let anchors = try Certificate.fromPEM(
        try Files.readPart(anchorsPath, orElse: "put the anchors of the receiver's certificate there as PEM"))
      let tls = try TLSContext.foreignClient(anchors: anchors, name: address.host)
      post = HTTPPost(
        host: address.host, port: address.port, path: address.path,
        headers: ["user-agent": "countersign-server/1.0.0", "content-type": "text/plain; charset=us-ascii"],
        timeout: timeout, security: { try $0.pipeline.syncOperations.addHandler(TLSHandler(context: tls)) },
        // A redirect is such a status too: nobody but the configured host gets anything.
        refusal: { (200..<300).contains($0.status.code) ? nil : "HTTP status \($0.status.code)" })
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(path: anchorsPath, doing: "use", cause: "\(error)")
    }
  }

  /// Posts lines of heads; returns once the company's server has them.
  ///
  /// - Throws: `HTTPPostError` that says why not, or `CancellationError`.
  func send(_ heads: [JournalHead]) async throws {
    _ = try await post.send(heads.flatMap { Array("\($0.line)\n".utf8) })
  }

  /// Number of the last record under a head that was posted; nil where nothing was.
  func position() throws -> Int64? {
    guard Files.exists("\(folder)/posted") else { return nil }
    let text = String(decoding: try Files.read("\(folder)/posted"), as: UTF8.self)
    guard text.hasSuffix("\n"), let number = Int64(text.dropLast()), number >= 0 else {
      throw FileError(path: "\(folder)/posted", doing: "use", cause: "must be one number; remove it to begin anew")
    }
    return number
  }

  func keep(position: Int64) throws {
    try Files.write(Array("\(position)\n".utf8), to: "\(folder)/posted", mode: 0o644)
  }
}
