import Foundation
import TestCertificates
import TestPrograms

/// The `openssl` program as the peer from outside.
func openSSLProgram(_ arguments: [String]) throws -> RunningProgram {
  try RunningProgram("openssl", arguments, errors: .withOutput)
}

extension RunningProgram {
  /// Waits until it has printed `text`; the test's time limit ends the wait.
  func eventuallyPrints(_ text: String) async throws { try await eventually { self.output.contains(text) } }
}

/// Waits for something that must come; the test's time limit ends the wait.
func eventually(_ condition: @Sendable () -> Bool) async throws {
  while !condition() { try await Task.sleep(for: .milliseconds(2)) }
}

/// Chain and key as files for the program; removed with the object.
final class IdentityFiles: Sendable {
  private let folder: URL
  let certificate: String
  let chain: String
  let root: String
  let key: String

  init(_ identity: TestIdentity) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "countersign-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    certificate = folder.appending(path: "leaf.pem").path()
    chain = folder.appending(path: "chain.pem").path()
    root = folder.appending(path: "root.pem").path()
    key = folder.appending(path: "key.pem").path()
    try Data(identity.chain[0].pem).write(to: URL(filePath: certificate))
    try Data(identity.chain.dropFirst().flatMap(\.pem)).write(to: URL(filePath: chain))
    try Data(identity.chain[identity.chain.count - 1].pem).write(to: URL(filePath: root))
    try Data(identity.key.pem(passphrase: nil)).write(to: URL(filePath: key))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
