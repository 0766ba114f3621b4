import Cryptography
import Files

/// Reads the parts of a program's folder. A part that is missing, or cannot be read as what it must be, is a `FileError`
/// that names the file and says what to do.
package struct FolderParts: Sendable {
  private let path: String
  /// What people do where a part is missing or damaged.
  private let advice: String

  package init(_ path: String, advice: String) {
    self.path = path
    self.advice = advice
  }

  package func bytes(_ name: String, isSecret: Bool = false, limit: Int = 1 << 16) throws(FileError) -> [UInt8] {
    try Files.readPart(file(name), isSecret: isSecret, limit: limit, orElse: advice)
  }

  /// A chain of PEM certificates, leaf first; at least one.
  package func chain(_ name: String) throws(FileError) -> [Certificate] {
    let chain: [Certificate]
    let pem = try bytes(name)
    do {
      chain = try Certificate.fromPEM(pem)
    } catch {
      throw damaged(name, "\(error)")
    }
    guard !chain.isEmpty else { throw damaged(name, "holds no PEM certificate") }
    return chain
  }

  /// - Parameter passphrase: nil where the key is not encrypted.
  /// - Throws: `FileError`, or `CryptographyError` that names the file where the passphrase is missing or wrong.
  package func key(_ name: String, _ passphrase: SecretBytes?) throws -> PrivateKey {
    try key(in: try bytes(name, isSecret: true), name, passphrase)
  }

  /// - Parameter pem: contents of the file.
  package func key(in pem: [UInt8], _ name: String, _ passphrase: SecretBytes?) throws -> PrivateKey {
    do {
      return try PrivateKey(pem: pem, passphrase: passphrase)
    } catch  where error.isOfPassphrase {
      throw CryptographyError("\(file(name)): \(error)", isOfPassphrase: true)
    } catch {
      throw damaged(name, "\(error)")
    }
  }

  package func damaged(_ name: String, _ cause: String) -> FileError {
    FileError(path: file(name), doing: "use", cause: "\(cause); \(advice)")
  }

  private func file(_ name: String) -> String { "\(path)/\(name)" }
}
