import Foundation
import TestOpenSSL
import TestPrograms
import Testing

/// All JSON that the commands print, of one form. Source: docs/operations.md, "JSON".
@Suite(.timeLimit(.minutes(10))) struct JSONFormTests {
  @Test func everyCommandPrintsOneForm() throws {
    let run = try JSONRun()
    try run.registering()
    try run.paying()
    try run.reading()
    try run.administering()
    try run.restoring()
    let all = try ["server", "admin", "terminal", "gateway"].flatMap { try Self.commands("countersign-\($0)") }
    #expect(Set(all).count > 40)
    #expect(Set(all).symmetricDifference(run.printed).sorted() == [])
  }

  /// Every command of a program that takes `--output json`, as its help lists them.
  private static func commands(_ program: String) throws -> [String] {
    let help = try Program.run(program, ["--experimental-dump-help"]).good()
    return try JSONDecoder().decode(Help.self, from: Data(help.output.utf8)).command.printing(program)
  }

  private struct Help: Decodable {
    let command: Command
  }

  private struct Command: Decodable {
    struct Argument: Decodable {
      let allValues: [String]?
      let valueName: String?
    }
    let commandName: String
    let subcommands: [Command]?
    let arguments: [Argument]?

    func printing(_ path: String) -> [String] {
      let own = arguments?.contains { $0.valueName == "output" && $0.allValues?.contains("json") == true } == true
      return (own && subcommands?.isEmpty != false ? [path] : [])
        + (subcommands ?? []).flatMap { $0.printing("\(path) \($0.commandName)") }
    }
  }
}

/// Every command once, on one service.
private final class JSONRun {
  let desk: Desk
  let authority: OutsideCA
  private(set) var printed: Set<String> = []
  private var root: String { desk.server.root }
  private var data: String { "\(root)/server" }
  private var lee: String { "\(root)/lee" }

  init() throws {
    authority = try OutsideCA()
    let server = try ServerProcess()
    try OutsideProgramTests.trust(authority, server, "")
    desk = try Desk(server: server, arguments: ["--https-port", "0"])
  }

  /// Runs a command and looks at each line that it prints.
  ///
  /// - Returns: the objects.
  @discardableResult
  func see(
    _ command: String, _ arguments: [String] = [], input: String = "", status: Int32 = 0, mayBeEmpty: Bool = false
  ) throws -> [[String: JSONValue]] {
    let words = command.split(separator: " ").map(String.init)
    let result = try Program.run(
      words[0], Array(words.dropFirst()) + arguments + ["--output", "json"], input: input,
      environment: desk.environment.merging(desk.server.admin) { $1 })
    #expect(result.status == status, "\(command): \(result)")
    let lines = result.output.split(separator: "\n")
    #expect(mayBeEmpty || !lines.isEmpty, "\(command): \(result)")
    let objects = try lines.map { try JSONDecoder().decode([String: JSONValue].self, from: Data($0.utf8)) }
    JSONValue.list(objects.map(JSONValue.object)).expectFormWithin(command)
    if !objects.isEmpty { printed.insert(command) }
    return objects
  }

  func registering() throws {
    try see(
      "countersign-server bundle",
      ["--data", data, "--release", "1.0.0"]
        + ["terminal", "gateway"].flatMap { ["--\($0)", "\(Program.folder.path)/countersign-\($0)"] })
    try see(
      "countersign-admin company add", ["Other", "--certificate", "\(root)/o.pem", "--key", "\(root)/o.key"])
    try see("countersign-admin company policy", ["Acme", "--most-per-payment", "KRW=900000"])
    try see("countersign-admin company show", ["Acme"])
    try see("countersign-admin company list")
    let gateway = try see("countersign-admin gateway add", ["Acme", "--host", "localhost"])[0]["token"]?.text ?? ""
    let options = ["--data", "\(root)/gateway", "--passphrase-file", "\(root)/passphrase"]
    try Program.run("countersign-gateway", ["init", "localhost:\(desk.server.port)", gateway] + options).good()
    try see("countersign-gateway update", ["--check", "--data", "\(root)/gateway"])
    try see("countersign-admin consultant add", ["Park", "--company", "Acme"])
    try see("countersign-admin consultant list")
    let token = try see("countersign-admin consultant token", ["1"])[0]["token"]?.text ?? ""
    let kim = try authority.issue("kim", subject: "/C=KR/O=Acme/CN=Kim", usage: OutsideCA.consultant)
    let acme = try authority.issue("acme", subject: "/C=KR/O=Acme/CN=Acme", usage: OutsideCA.company)
    try see("countersign-admin consultant certificate", ["1", "--certificate", kim.chain])
    try see("countersign-admin company certificate", ["Acme", "--certificate", acme.chain])
    try see("countersign-terminal certificate", ["--certificate", kim.chain, "--key", kim.key])
    try see(
      "countersign-terminal enrol",
      [
        "localhost:\(desk.server.port)", token, "--company", "\(root)/acme.pem", "--company-key", "\(root)/acme.key",
        "--replace",
      ])
    try see("countersign-terminal login", ["--check"])
    try see("countersign-terminal update", ["--check"])
  }

  func paying() throws {
    let order = ["--order", "A-1", "--amount", "12900", "--currency", "KRW"]
    let paid = try see("countersign-terminal pay", order, input: Desk.card)[0]
    try see("countersign-terminal status", [paid["key"]?.text ?? ""])
    // The acquirer says nothing about this card for a while.
    let open = try RunningProgram(
      "/bin/sh",
      [
        "-c",
        "'\(Program.folder.path)/countersign-terminal' pay --order A-2 --amount 5 --currency KRW <'\(try desk.card(Self.silent))'",
      ], environment: desk.environment)
    while try see("countersign-admin unresolved", mayBeEmpty: true).isEmpty {}
    _ = try open.wait()
    try see("countersign-admin administrator add", ["Lee", "--role", "operator", "--folder", lee])
    try see("countersign-admin administrator roles", ["2", "--role", "operator", "--role", "security-officer"])
    try see("countersign-admin administrator list")
    let payment = paid["payment"]?.number ?? 0
    for (amount, kind) in [(100, "done"), (Self.unanswered, "settled")] {
      let asked = try see("countersign-admin refund", ["\(payment)", "--amount", "\(amount)"])[0]
      let number = "\(asked["operation"]?.number ?? 0)"
      try see("countersign-admin confirm", [number, "--admin", lee], status: kind == "done" ? 0 : 2)
      guard kind == "settled" else { continue }
      while try see("countersign-admin operations list").last?["state"]?.text != "UNKNOWN" {}
      try see("countersign-admin operations settle", [number, "--done", "--admin", lee])
    }
    let second = try see("countersign-terminal pay", order, input: Desk.card)[0]
    try see("countersign-admin void", ["\(second["payment"]?.number ?? 0)"])
  }

  func reading() throws {
    try see("countersign-admin trace", ["--order", "A-1"])
    try see("countersign-admin payments list")
    try see("countersign-admin report", ["--day", String(ISO8601DateFormatter().string(from: Date()).prefix(10))])
    let file = "\(root)/settlement.csv"
    try Data("payment,amount,currency\n99999,1,KRW\n".utf8).write(to: URL(filePath: file))
    let compared = try see(
      "countersign-admin reconcile", [file, "--from", "2026-01-01", "--to", "2026-01-02"], status: 3)
    #expect(compared.map { $0["kind"]?.text } == ["ONLY_IN_FILE", "SUMMARY"])
    try Data("payment,amount,currency\n".utf8).write(to: URL(filePath: file))
    let agreeing = try see("countersign-admin reconcile", [file, "--from", "2026-01-01", "--to", "2026-01-02"])
    #expect(agreeing.map { $0["kind"]?.text } == ["SUMMARY"] && agreeing[0]["differences"]?.number == 0)
    let payment = try see("countersign-admin payments list", ["--limit", "1"])[0]["payment"]?.number ?? 0
    let receipt = "\(root)/receipt"
    try desk.admin(["receipt", "\(payment)", "--output", receipt]).good()
    try see("countersign-admin verify-receipt", [receipt, "--key", "\(data)/audit/public.pem"])
    let chain = ["--chain", "\(root)/terminal/consultant.pem", "--anchors", "\(data)/authority/root.pem"]
    try see("countersign-server check-certificate", chain + ["--role", "consultant"])
    try see("countersign-server check-certificate", chain + ["--role", "company"], status: 1)
    try see("countersign-server audit verify", ["--data", data])
    try see("countersign-server canary", ["--data", data, "--stdin"], input: "5424183907264510\n")
  }

  func administering() throws {
    try see("countersign-admin certificates", ["--expiring", "400d"])
    try see("countersign-admin unlock", ["--consultant", "1"])
    try see("countersign-admin keys status")
    for command in ["rewrap", "rotate"] {
      let number = try see("countersign-admin keys \(command)")[0]["operation"]?.number ?? 0
      try see("countersign-admin keys status")
      try see("countersign-admin keys confirm", ["\(number)", "--admin", lee])
    }
    try see("countersign-admin epoch show")
    for _ in 0..<2 { try see("countersign-admin revoke", ["consultant", "2", "--reason", "superseded"]) }
  }

  func restoring() throws {
    try see("countersign-server backup", ["\(root)/copy.db", "--data", data])
    #expect(desk.server.stop() == 0)
    try see("countersign-server restore", ["\(root)/copy.db", "--data", data])
    try desk.server.start()
    try see("countersign-admin epoch confirm", ["--without-reconciliation", "--reason", "nothing was lost"])
  }

  private static let silent = #"{"card_number":"4000000000009029","expiry_year":2035,"expiry_month":12}"#
  /// Minor units of a refund that the simulator does not answer, see docs/simulator.md.
  private static let unanswered = 252
}

/// A value that knows a truth from a number, which Foundation's own objects do not tell apart.
private enum JSONValue: Decodable {
  case truth(Bool)
  case number(Int64)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let truth = try? value.decode(Bool.self) {
      self = .truth(truth)
    } else if let number = try? value.decode(Int64.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([JSONValue].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  var text: String? { if case .text(let text) = self { text } else { nil } }
  var number: Int64? { if case .number(let number) = self { number } else { nil } }

  /// Names in lower case with underscores; truths, and only they, begin with is_ or was_; numbers that are times, and only
  /// they, end with _ms; consultant and company are numbers.
  func expectForm(_ name: String, _ command: String) {
    #expect(name.wholeMatch(of: /[a-z][a-z0-9]*(_[a-z0-9]+)*/) != nil, "\(command): \(name)")
    let saysTruth = name.hasPrefix("is_") || name.hasPrefix("was_")
    if case .truth = self {
      #expect(saysTruth, "\(command): \(name)")
    } else {
      #expect(!saysTruth, "\(command): \(name)")
    }
    if case .number(let number) = self {
      // Every instant in milliseconds lies far above any count or amount of this run, and in seconds between them.
      #expect((number > 1_000_000_000_000) == (name.hasSuffix("_ms") && number > 0), "\(command): \(name) \(number)")
      #expect(!(1_500_000_000..<1_000_000_000_000).contains(number) || name == "size", "\(command): \(name) \(number)")
    } else {
      #expect(!name.hasSuffix("_ms") && !["consultant", "company"].contains(name), "\(command): \(name)")
    }
    expectFormWithin(command)
  }

  /// The same of what an object or list holds.
  func expectFormWithin(_ command: String) {
    switch self {
    case .object(let fields): for (name, value) in fields { value.expectForm(name, command) }
    case .list(let values): for value in values { value.expectFormWithin(command) }
    default: break
    }
  }
}
