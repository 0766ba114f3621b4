import Foundation
import TestPrograms
import Testing

/// The network service of a running server, asked by curl and openssl (docs/security.md, "Bundles").
@Suite(.serialized, .timeLimit(.minutes(3))) struct NetworkServiceTests {
  private let site: Site

  init() throws { site = try Site.shared.get() }

  @Test func thePageSaysHowToInstall() throws {
    let page = try site.curl("/", "-i")
    #expect(page.output.hasPrefix("HTTP/1.1 200 OK"), "\(page.errors)")
    #expect(page.output.contains("content-type: text/html; charset=utf-8"))
    #expect(page.output.contains(site.file))
    let digest = try site.digest()
    #expect(page.output.contains(digest))
    #expect(page.output.contains("https://localhost:\(site.server.httpsPort)/"))
    #expect(page.output.contains("countersign-terminal enrol localhost:\(site.server.port) TOKEN"))
  }

  @Test(arguments: [
    "content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "x-frame-options: DENY",
    "referrer-policy: no-referrer", "cache-control: no-cache", "accept-ranges: none",
  ])
  func headersProtectThePage(_ header: String) throws {
    #expect(try site.curl("/", "-i").output.contains(header))
  }

  @Test func aProgramComesAsItWasSigned() throws {
    let got = "\(site.server.root)/got"
    #expect(try site.curl("/\(site.file)", "-o", got).status == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: got)) == Data(contentsOf: URL(fileURLWithPath: site.program)))
  }

  /// The commands of the page itself.
  @Test func openSSLVerifiesTheDetachedSignatureUnderTheRoot() throws {
    let folder = "\(site.server.root)/by-hand"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for end in ["", ".sig", ".pem"] {
      #expect(try site.curl("/\(site.file)\(end)", "-o", "\(folder)/NAME\(end)").status == 0)
    }
    let verified = try Program.shell(
      """
      cd \(folder) && openssl verify -CAfile \(site.root) -untrusted NAME.pem NAME.pem &&
      openssl x509 -in NAME.pem -noout -pubkey > key.pem &&
      openssl dgst -sha256 -verify key.pem -signature NAME.sig NAME
      """)
    #expect(verified.output.contains("NAME.pem: OK") && verified.output.contains("Verified OK"), "\(verified.errors)")
    let altered = try Program.shell(
      "cd \(folder) && printf x >> NAME && openssl dgst -sha256 -verify key.pem -signature NAME.sig NAME")
    #expect(altered.status != 0)
  }

  @Test func theManifestHasVersionSizeAndSHA256() throws {
    let manifest = try site.curl("/manifest.json").output
    let object = try #require(try JSONSerialization.jsonObject(with: Data(manifest.utf8)) as? [String: Any])
    let program = try #require((object["programs"] as? [[String: Any]])?.first)
    #expect(object["service"] as? String == "pay.test")
    #expect(program["version"] as? String == "1.1.0")
    #expect(program["sha256"] as? String == (try site.digest()))
    #expect(program["path"] as? String == "/\(site.file)")
    #expect(program["size"] as? Int == (try Data(contentsOf: URL(fileURLWithPath: site.program)).count))
  }

  @Test func headHasTheHeadersOfGetAndNoBody() throws {
    let head = try site.curl("/\(site.file)", "-I").output
    #expect(head.hasPrefix("HTTP/1.1 200 OK"))
    #expect(head.contains("content-length: \(try Data(contentsOf: URL(fileURLWithPath: site.program)).count)\r\n"))
    #expect(head.contains("etag: \"\(try site.digest())\""))
    #expect(head.contains("content-type: application/octet-stream"))
    #expect(head.contains("content-disposition: attachment; filename=\"\(site.file)\""))
  }

  @Test func whatIsKnownIsNotSentAgain() throws {
    let known = try site.curl("/\(site.file)", "-i", "-H", "If-None-Match: \"\(try site.digest())\"").output
    #expect(known.hasPrefix("HTTP/1.1 304 Not Modified"))
    #expect(known.hasSuffix("\r\n\r\n"))
    #expect(try site.curl("/", "-o", "/dev/null", "-w", "%{http_code}", "-H", "If-None-Match: \"x\"").output == "200")
  }

  @Test(arguments: [
    "/bundles", "/chain.pem", "/../bundle/key.pem", "/..%2fbundle%2fkey.pem", "/%2e%2e/tls/key.pem", "//etc/passwd",
    "/./", "/countersign-terminal", "/countersign-terminal-1.0.0-linux-x86_64", "/.hidden", "/manifest.json/",
    "/%00", "/root.key",
  ])
  func onlyWhatIsListedHasAPath(_ path: String) throws {
    let found = try site.curl(path, "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is")
    #expect(found.output == "404", "\(found.errors)")
  }

  @Test(arguments: [
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"), ("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
    ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "400"), ("rubbish\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "a", count: 17_000) + "\r\n\r\n", "431"),
  ])
  func aWrongRequestIsRefusedAndTheConnectionCloses(_ request: String, _ status: String) throws {
    let answer = try site.raw(request)
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(200))")
    #expect(answer.lowercased().contains("connection: close"))
    #expect(try site.curl("/").status == 0, "it serves nobody any more")
  }

  @Test func requestsOfOneConnectionAreAnsweredInOrder() throws {
    let answer = try site.raw(
      "GET /manifest.json HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        + "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    let statuses = answer.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
    #expect(statuses == ["200", "404", "200"], "\(answer)")
  }

  /// Each of the readers asks for a whole program and takes none of it.
  @Test func readersThatTakeNothingHoldLittleMemoryAndDisturbNobody() throws {
    let before = try site.residentBytes()
    let readers = try (0..<20).map { _ in
      let reader = try RunningProgram(
        "openssl", ["s_client", "-quiet", "-alpn", "http/1.1", "-connect", "localhost:\(site.server.httpsPort)"],
        output: .unread)
      reader.type("GET /\(site.file) HTTP/1.1\r\nHost: x\r\n\r\n")
      return reader
    }
    defer { for reader in readers { reader.kill() } }
    // Others are served meanwhile, whole.
    for _ in 0..<3 {
      let got = try site.curl("/\(site.file)", "-o", "/dev/null", "-w", "%{size_download}")
      #expect(got.output == "\(try Data(contentsOf: URL(fileURLWithPath: site.program)).count)")
    }
    let grown = try site.residentBytes() - before
    // 20 times the program would be over a gigabyte.
    #expect(grown < 100 << 20, "\(grown >> 20) MiB for 20 readers")
  }

  @Test func aHigherVersionIsOfferedAtOnceAndAnAlteredFileIsNotServed() async throws {
    let site = try Site()
    let file = "\(site.server.root)/1.2.0"
    try Bundles.program("countersign-terminal", "1.2.0", at: file)
    #expect(try Bundles.add(site.server, "--terminal", file, "1.2.0").status == 0)
    let name = site.file.replacingOccurrences(of: "1.1.0", with: "1.2.0")
    #expect(try site.curl("/\(name)", "-I").output.hasPrefix("HTTP/1.1 200"))
    #expect(try site.curl("/\(site.file)", "-I").output.hasPrefix("HTTP/1.1 404"), "the older one is still offered")

    let stored = "\(site.server.root)/server/bundles/\(name)"
    let handle = try #require(FileHandle(forWritingAtPath: stored))
    try handle.seek(toOffset: 5_000)
    try handle.write(contentsOf: Data([0xff, 0x00, 0xff]))
    try handle.close()
    #expect(try site.curl("/\(name)", "-I").output.hasPrefix("HTTP/1.1 404"))
    try await site.server.logs("is not what was signed")
    // What is whole goes on.
    #expect(try site.curl("/\(site.file)", "-I").output.hasPrefix("HTTP/1.1 200"))
    site.server.end()
  }

  @Test(arguments: [
    ("1.0.0", "lower than 1.1.0", Int32(65)), ("1.1.1", "does not say", 65), ("1.1", "three numbers", 64),
  ])
  func aWrongVersionIsNotSigned(_ version: String, _ words: String, _ status: Int32) throws {
    let file = version == "1.0.0" ? Program.folder.appendingPathComponent("countersign-terminal").path : site.program
    let result = try Bundles.add(site.server, "--terminal", file, version)
    #expect(result.status == status && result.errors.contains(words), "\(result.errors)")
  }

  @Test func whatIsNoProgramIsNotSigned() throws {
    let result = try Bundles.add(site.server, "--terminal", "\(site.server.root)/passphrase", "1.3.0")
    #expect(result.status == 65 && result.errors.contains("is no program"), "\(result.errors)")
  }

  @Test func aVersionIsUsedOnce() throws {
    let other = "\(site.server.root)/other"
    try Bundles.program("countersign-terminal", "1.1.0", at: other)
    let handle = try #require(FileHandle(forWritingAtPath: other))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data([0]))
    try handle.close()
    let result = try Bundles.add(site.server, "--terminal", other, "1.1.0")
    #expect(result.status == 65 && result.errors.contains("a version is used once"), "\(result.errors)")
    #expect(
      try Bundles.add(site.server, "--terminal", site.program, "1.1.0").status == 0, "the same may be signed again")
  }
}

/// A server that offers countersign-terminal 1.1.0.
private final class Site {
  nonisolated(unsafe) static let shared: Result<Site, any Error> = Result {
    atexit { if case .success(let site) = Site.shared { site.server.end() } }
    return try Site()
  }

  let desk: Desk
  let program: String
  let file: String
  var server: ServerProcess { desk.server }
  var root: String { "\(server.root)/server/authority/root.pem" }

  init() throws {
    desk = try Desk(arguments: ["--https-port", "0"])
    program = "\(desk.server.root)/1.1.0"
    try Bundles.program("countersign-terminal", "1.1.0", at: program)
    let added = try Bundles.add(desk.server, "--terminal", program, "1.1.0")
    try #require(added.status == 0, "\(added.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(added.output.utf8)) as? [String: Any]
    file = "countersign-terminal-1.1.0-\(try #require(object?["platform"] as? String))"
  }

  func curl(_ path: String, _ arguments: String...) throws -> Program.Result {
    try runProgram(
      "curl",
      ["-sS", "--cacert", root, "--http1.1"] + arguments + ["https://localhost:\(server.httpsPort)\(path)"])
  }

  /// Sends bytes as they are and gives all that comes back.
  func raw(_ request: String) throws -> String {
    let path = "\(server.root)/request"
    try Data(request.utf8).write(to: URL(fileURLWithPath: path))
    return try Program.shell(
      "openssl s_client -quiet -alpn http/1.1 -connect localhost:\(server.httpsPort) <\(path) 2>/dev/null"
    ).output
  }

  /// What `sha256sum` says of the program.
  func digest() throws -> String { String(try Program.shell("sha256sum \(program)").output.prefix(64)) }

  func residentBytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(server.processIdentifier)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(Int(line.filter(\.isNumber))) << 10
  }
}
