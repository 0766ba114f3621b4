import Foundation
import TestPrograms
import Testing

/// `countersign-server init`: a whole service or none.
@Suite(.serialized) struct InitTests {
  /// Killed at the Nth rename of a file that it writes, which `strace` counts; the last one gives the folder its name.
  @Test(arguments: [1, 5, 12, 15])
  func oneThatWasKilledLeavesNoServiceAndCanBeRepeated(_ rename: Int) throws {
    let folder = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let killed = try runProgram(
      "/usr/bin/strace",
      [
        "-f", "-o", "\(folder)/strace", "-e", "trace=rename,renameat,renameat2", "-e",
        "inject=rename,renameat,renameat2:error=EIO:signal=KILL:when=\(rename)",
        Program.folder.appending(path: "countersign-server").path,
      ] + Self.arguments(folder))
    #expect(killed.status != 0, "\(killed)")
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/service"))
    #expect(FileManager.default.fileExists(atPath: "\(folder)/service.making"))

    let again = try Program.run("countersign-server", Self.arguments(folder))
    #expect(again.status == 0, "\(again)")
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder)) == ["service", "strace"])
    #expect(FileManager.default.fileExists(atPath: "\(folder)/service/admin/key.pem"))
  }

  @Test func anEmptyFolderIsTakenAndAFullOneIsNot() throws {
    let folder = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/service/notes", withIntermediateDirectories: true)
    let full = try Program.run("countersign-server", Self.arguments(folder))
    #expect(full.status == 78 && full.errors.contains("\(folder)/service is not empty"), "\(full)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/service") == ["notes"])

    try FileManager.default.removeItem(atPath: "\(folder)/service/notes")
    let empty = try Program.run("countersign-server", Self.arguments(folder + "/"))
    #expect(empty.status == 0, "\(empty)")
  }

  @Test func aFolderThatCannotBeMadeSaysWhereInitWrites() throws {
    let made = try Program.run("countersign-server", ["init", "--data", "/proc/service"])
    #expect(made.status == 78 && made.errors.contains("/proc/service.making"), "\(made)")
  }

  /// Judged by OpenSSL and curl, which look for addresses in iPAddress alone.
  @Test func anAddressIsOneInTheCertificate() throws {
    let server = try ServerProcess(["--host", "127.0.0.1", "--host", "::1"])
    let (chain, root) = ("\(server.root)/server/tls/chain.pem", "\(server.root)/server/authority/root.pem")
    for check in ["-verify_ip 127.0.0.1", "-verify_ip ::1", "-verify_hostname localhost"] {
      let verified = try Program.shell("openssl verify -CAfile \(root) -untrusted \(chain) \(check) \(chain)")
      #expect(verified.status == 0, "\(check): \(verified)")
    }
    try server.start(["--https-port", "0"])
    let page = try Program.shell("curl -s --cacert \(root) https://127.0.0.1:\(server.httpsPort)/")
    #expect(page.status == 0 && page.output.contains("<html"), "\(page)")
  }

  private static func arguments(_ folder: String) -> [String] {
    ["init", "--data", "\(folder)/service/", "--name", "pay.test"]
  }

  private static func temporary() -> String { NSTemporaryDirectory() + "countersign-init-\(UUID().uuidString)" }

  /// As docs/operations.md, "Files", asks for.
  @Test func aServiceStartsAfterTheAdministratorsCertificateWasMovedAway() throws {
    let server = try ServerProcess()
    try server.start()
    #expect(server.stop() == 0)
    try FileManager.default.moveItem(atPath: "\(server.root)/server/admin", toPath: "\(server.root)/moved")
    try server.start()
    let list = try Program.run(
      "countersign-admin", ["company", "list", "--admin", "\(server.root)/moved"], environment: server.admin)
    #expect(list.status == 0, "\(list)")
  }
}
