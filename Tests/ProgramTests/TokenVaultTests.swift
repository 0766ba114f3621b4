import Foundation
import TestAcquirer
import TestPrograms
import Testing

/// The vault's key-encryption key agreed with a PKCS#11 token (SoftHSM). Tests/Python/cards.py opens the cards with the
/// same private key, which the test put into the token. Source: docs/security.md, "Card data".
@Suite(.serialized, .timeLimit(.minutes(3))) struct TokenVaultTests {
  @Test func cardsLieUnderTheTokensKeyAndMoveToAFileAndBack() throws {
    let token = try VaultToken()
    let server = try ServerProcess(token.options, environment: token.environment)
    let desk = try Desk(server: server, arguments: ["--vault-pin-file", token.pinFile])
    let root = server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try desk.admin(["keys", "status"]).output.contains("key-encryption key: \(token.uri)\n"))
    #expect(try token.cards(root) == ["1 1", "4111111111111111"])
    #expect(throws: (any Error).self) { try Self.cardsWithoutToken(root) }

    let moved = try desk.twoOfficers(["keys", "rewrap", "--to", "file"])
    #expect(moved.output.hasPrefix("2 keys are wrapped"), "\(moved)")
    #expect(try Self.cardsWithoutToken(root) == ["1 1", "4111111111111111"])

    _ = try desk.twoOfficers(["keys", "rewrap", "--to", token.uri])
    _ = try desk.twoOfficers(["keys", "rotate"])
    #expect(server.stop() == 0)
    try server.start()
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try token.cards(root).last == "4111111111111111")
    #expect(try token.cards(root).contains("2 2") || token.cards(root).first == "1 1")
  }

  @Test func aBackupIsRestoredUnderTheTokensKey() throws {
    let token = try VaultToken()
    let server = try ServerProcess(token.options, environment: token.environment)
    let desk = try Desk(server: server, arguments: ["--vault-pin-file", token.pinFile])
    let root = server.root
    #expect(try desk.pay(card: Desk.card).status == 0)
    #expect(try BackupTests.backup(desk).status == 0)
    #expect(server.stop() == 0)
    let restore = ["restore", "--data", "\(root)/server", "\(root)/copy.db"]
    let before = try Data(contentsOf: URL(filePath: "\(root)/server/ledger.db"))
    let noPIN = try Program.run("countersign-server", restore, environment: token.environment)
    #expect(noPIN.status == 74 && noPIN.errors.contains("vault/kek.key: \(token.uri): "), "\(noPIN)")
    #expect(try Data(contentsOf: URL(filePath: "\(root)/server/ledger.db")) == before)
    let restored = try Program.run(
      "countersign-server", restore + ["--vault-pin-file", token.pinFile], environment: token.environment)
    #expect(restored.status == 0 && restored.output.contains("data key 2 is in force"), "\(restored)")
    try server.start()
    let reason = ["--without-reconciliation", "--reason", "no payment since"]
    #expect(try desk.admin(["epoch", "confirm"] + reason).status == 0)
    #expect(try desk.pay(card: Desk.card).status == 0)
    // The rotation that a new data key begins seals the first card again.
    while try token.cards(root) != ["2 2", "4111111111111111"] { usleep(20_000) }
    #expect(server.stop() == 0)
  }

  @Test func withoutItsPINOrItsKeyTheServiceDoesNotStart() throws {
    let token = try VaultToken()
    let server = try ServerProcess(token.options, environment: token.environment)
    let run = ["run", "--data", "\(server.root)/server", "--port", "0", "--acquirer", "simulator"]
    let none = try Program.run("countersign-server", run, environment: token.environment)
    #expect(none.status == 74 && none.errors.contains("vault/kek.key: \(token.uri): "), "\(none)")
    let wrong = "\(token.folder)/wrong"
    try Data("11111111\n".utf8).write(to: URL(filePath: wrong))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: wrong)
    let refused = try Program.run(
      "countersign-server", run + ["--vault-pin-file", wrong], environment: token.environment)
    #expect(refused.status == 74 && refused.errors.contains("the PIN is wrong"), "\(refused)")
    // One line of the program's own, and nothing that the engine prints.
    #expect(refused.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("error: ") }, "\(refused)")
    try Data("123".utf8).write(to: URL(filePath: wrong))
    let short = try Program.run(
      "countersign-server", run + ["--vault-pin-file", wrong], environment: token.environment)
    #expect(short.status == 65 && short.errors.contains("the PIN must have 4 bytes at least"), "\(short)")
  }

  @Test func aKeyThatDoesNotAgreeIsRefusedAndNothingIsMade() throws {
    let token = try VaultToken()
    let folder = "\(token.folder)/server"
    let made = try Program.run(
      "countersign-server",
      ["init", "--data", folder, "--vault-key", token.signingURI, "--vault-pin-file", token.pinFile],
      environment: token.environment)
    #expect(made.status == 78 && made.errors.contains("it must be allowed to derive"), "\(made)")
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  private static func cardsWithoutToken(_ root: String) throws -> [String] {
    try Repository.runPython("cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault"]).good().lines
      .map(String.init)
  }
}

/// A SoftHSM token with two P-256 keys: one that may derive, and one that signs only.
private final class VaultToken {
  let folder = NSTemporaryDirectory() + "countersign-vault-token-\(UUID().uuidString)"
  private static let pin = "98765432"
  private static let module = "/usr/lib/softhsm/libsofthsm2.so"

  init() throws {
    let put = "pkcs11-tool --module \(Self.module) --token-label vault --login --pin \(Self.pin) --id 01 --label cards"
    let script = """
      set -e; umask 077; mkdir -p '\(folder)/tokens'; cd '\(folder)'
      printf 'directories.tokendir = \(folder)/tokens\\nobjectstore.backend = file\\n' > conf
      echo \(Self.pin) > pin
      export SOFTHSM2_CONF='\(folder)/conf'
      softhsm2-util --init-token --free --label vault --so-pin 12345678 --pin \(Self.pin)
      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
      openssl pkey -in key.pem -outform DER -out key.der
      openssl pkey -in key.pem -pubout -outform DER -out public.der
      \(put) --usage-derive --write-object key.der --type privkey
      \(put) --usage-derive --write-object public.der --type pubkey
      softhsm2-util --import key.pem --token vault --label signing --id 02 --pin \(Self.pin)
      """
    try runProgram("/bin/sh", ["-c", script]).good()
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var uri: String { "pkcs11:token=vault;object=cards;type=private?module-path=\(Self.module)" }
  var signingURI: String { "pkcs11:token=vault;object=signing;type=private?module-path=\(Self.module)" }
  var pinFile: String { "\(folder)/pin" }
  var environment: [String: String] { ["SOFTHSM2_CONF": "\(folder)/conf"] }
  var options: [String] { ["--vault-key", uri, "--vault-pin-file", pinFile] }

  /// As `cardsWithoutToken`, with the token's private key at hand.
  func cards(_ root: String) throws -> [String] {
    try Repository.runPython(
      "cards.py", ["\(root)/server/ledger.db", "\(root)/server/vault", "\(folder)/key.pem"]
    ).good().lines.map(String.init)
  }
}
