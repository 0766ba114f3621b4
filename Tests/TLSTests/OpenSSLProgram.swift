import Foundation
import Synchronization
import TestCertificates

/// The `openssl` program as the peer from outside.
final class OpenSSLProgram: Sendable {
  private let process: Mutex<Process>
  private let input: FileHandle
  private let collected = Mutex<[UInt8]>([])
  let pid: Int32

  /// Starts `openssl` with these arguments.
  init(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = arguments
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    self.input = input.fileHandleForWriting
    pid = process.processIdentifier
    self.process = Mutex(process)
    output.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let bytes = [UInt8](handle.availableData)
      if bytes.isEmpty { handle.readabilityHandler = nil }
      self?.collected.withLock { $0 += bytes }
    }
  }

  deinit {
    process.withLock { if $0.isRunning { $0.terminate() } }
  }

  /// What it has printed so far.
  var output: String { collected.withLock { String(decoding: $0, as: UTF8.self) } }
  var isRunning: Bool { process.withLock { $0.isRunning } }

  /// Types something.
  func type(_ text: String) throws { try input.write(contentsOf: Data(text.utf8)) }

  /// Ends its standard input.
  func endInput() throws { try input.close() }

  /// Ends it without a word to its peer.
  func kill() { Foundation.kill(pid, SIGKILL) }

  /// Waits until it has printed `text`.
  func prints(_ text: String) async throws { try await eventually { self.output.contains(text) } }
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
