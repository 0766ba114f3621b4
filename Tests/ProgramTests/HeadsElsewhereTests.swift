import Foundation
import TestAcquirer
import TestOpenSSL
import TestPrograms
import Testing

/// Heads that a real server keeps in its folder and posts to a company's HTTPS server (Tests/Python/head_receiver.py).
@Suite(.serialized, .timeLimit(.minutes(4))) struct HeadsElsewhereTests {
  private static func verify(_ desk: Desk, against: String) throws -> Program.Result {
    try Program.run(
      "countersign-server", ["audit", "verify", "--data", "\(desk.server.root)/server", "--against", against])
  }

  @Test func aLedgerPutBackShowsAgainstTheFolderAndIsLogged() async throws {
    let desk = try Desk()
    let (ledger, heads) = ("\(desk.server.root)/server/ledger.db", "\(desk.server.root)/server/heads")
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(desk.server.stop() == 0)
    let before = try Program.shell("cp \(ledger) \(ledger).older && cat \(heads)/*")
    let covered = try Sqlite.lines(ledger, "SELECT max(last), count(*) FROM head")
    let lines = before.output.split(separator: "\n")
    // At its end the server keeps every head, the last one too.
    #expect(covered == ["\(try #require(lines.last).split(separator: " ")[2])|\(lines.count)"], "\(covered)")

    try desk.server.start()
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(desk.server.stop() == 0)
    let good = try Self.verify(desk, against: heads)
    #expect(good.status == 0 && good.output.contains("kept elsewhere"), "\(good.errors)\(good.output)")

    let moved = try Program.shell("mv \(ledger).older \(ledger) && rm -f \(ledger)-wal \(ledger)-shm")
    #expect(moved.status == 0, "\(moved.errors)")
    let older = try Self.verify(desk, against: heads)
    #expect(older.status == 1 && older.output.contains("is missing: \(heads)/"), "\(older.errors)\(older.output)")
    try desk.server.start()
    try await desk.server.logs("heads cannot be kept")
    #expect(desk.server.logText.contains("audit verify --against"))
    // Nobody's payment waits for that.
    #expect(try desk.pay(card: Desk.card).status == 0)
  }

  @Test func anotherFolderGetsTheHeadsAndOneThatCannotBeUsedHoldsNothingUp() async throws {
    let desk = try Desk(arguments: ["--heads", "/proc/nowhere"])
    try await desk.server.logs("heads cannot be kept")
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(desk.server.stop() == 0)
    let elsewhere = "\(desk.server.root)/elsewhere"
    desk.server.arguments = ["--heads", elsewhere]
    try desk.server.start()
    while try Self.verify(desk, against: elsewhere).status == 74 { try await Task.sleep(for: .milliseconds(100)) }
    #expect(desk.server.stop() == 0)
    #expect(try Self.verify(desk, against: elsewhere).status == 0)
    #expect(!FileManager.default.fileExists(atPath: "\(desk.server.root)/server/heads"))
  }

  @Test func aCompanysServerGetsEveryHeadAlsoWhatItMissed() async throws {
    let server = try ServerProcess()
    let company = try CompanyServer(below: server.root)
    try company.configure("\(server.root)/server/receivers/acme")
    let desk = try Desk(server: server)
    try await server.logs("heads cannot be posted")
    #expect(try desk.pay(card: Desk.card).status == 0, "a company's server that is away holds payments up")
    try company.start(refusing: 1)
    while try company.received().isEmpty { try await Task.sleep(for: .milliseconds(100)) }
    #expect(try desk.pay(card: Desk.card).status == 0)
    let wanted = try Sqlite.lines("\(server.root)/server/ledger.db", "SELECT max(last) FROM head")
    let last = try #require(wanted.first.flatMap { Int($0) })
    while try company.received().last.map({ $0 < last }) ?? true { try await Task.sleep(for: .milliseconds(100)) }
    #expect(server.stop() == 0)
    let received = try company.received()
    let ends = try Sqlite.lines(
      "\(server.root)/server/ledger.db", "SELECT last FROM head WHERE last >= \(received[0]) ORDER BY last")
    #expect(Array(received) == ends.prefix(received.count).compactMap { Int($0) })
    let against = try Self.verify(desk, against: company.file)
    #expect(against.status == 0 && against.output.contains("agree with \(received.count) "), "\(against.output)")
    let posted = try String(contentsOfFile: "\(server.root)/server/receivers/acme/posted", encoding: .utf8)
    #expect(posted == "\(received[received.count - 1])\n")
  }

  @Test func aServerThatShowsAnotherCertificateGetsNothing() async throws {
    let server = try ServerProcess()
    let company = try CompanyServer(below: server.root)
    try company.configure("\(server.root)/server/receivers/acme", trusting: "\(server.root)/server/authority/root.pem")
    try company.start(refusing: 0)
    let desk = try Desk(server: server)
    try await server.logs("heads cannot be posted")
    #expect(try company.received().isEmpty)
    #expect(try desk.pay(card: Desk.card).status == 0)
  }

  @Test(arguments: [
    ("", "url is missing"), ("url = http://acme.example/", "https://HOST[:PORT][/PATH]"),
    ("url = https://acme.example/\nevery = 3", "line 2: every is not known"),
    ("url = https://acme.example/\ninterval = 0", "line 2: interval \"0\" must be 1 to 86400"),
    ("url = https://acme.example/", "receivers/acme/anchors.pem"),
  ])
  func aWrongReceiverIsNamedAtStart(_ settings: String, _ words: String) throws {
    let server = try ServerProcess()
    let folder = "\(server.root)/server/receivers/acme"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(folder)/receiver.conf"))
    let run = try Program.run(
      "countersign-server", ["run", "--data", "\(server.root)/server", "--port", "0", "--acquirer", "simulator"])
    #expect(run.status == 78 && run.errors.contains(words), "\(run.errors)")
  }
}

/// A company's HTTPS server, which writes what it is posted into a file.
private final class CompanyServer {
  let file: String
  private let openSSL: OpenSSLCommand
  private let port: Int
  private var process: RunningProgram?

  init(below root: String) throws {
    file = "\(root)/received"
    openSSL = try OpenSSLCommand()
    // A port that nothing listens on yet, so that the server can be away at first.
    port = Int.random(in: 20_000...29_999)
    let made = try openSSL.run(
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out",
      "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    try #require(made.isGood, "\(made.text)")
  }

  /// Makes the folder of a receiver.
  func configure(_ folder: String, trusting: String? = nil) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let settings = "# Acme's\nurl = https://localhost:\(port)/heads\ninterval = 1\ntimeout = 2000\n"
    try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(folder)/receiver.conf"))
    try FileManager.default.copyItem(
      atPath: trusting ?? openSSL.folder.appending(path: "cert.pem").path, toPath: "\(folder)/anchors.pem")
  }

  /// - Parameter refusing: posts that are answered with an error first.
  func start(refusing: Int) throws {
    let process = try RunningProgram(
      Repository.python,
      [
        Repository.path("Tests/Python/head_receiver.py"), "\(port)", openSSL.folder.appending(path: "cert.pem").path,
        openSSL.folder.appending(path: "key.pem").path, file, "\(refusing)",
      ])
    self.process = process
    try process.prints("\n")
  }

  /// The last record's number of each head.
  func received() throws -> [Int] {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return [] }
    return try text.split(separator: "\n").map { line in
      let parts = line.split(separator: " ")
      try #require(parts.count == 9 && parts[0] == "head/1", "\(line)")
      return try #require(Int(parts[2]))
    }
  }
}
