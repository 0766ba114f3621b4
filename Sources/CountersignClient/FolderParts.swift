import Authority
import Cryptography
import Files
import Messages

extension FolderParts {
  package func signedProfile() throws(FileError) -> SignedProfile {
    let name = "profile.signed"
    let bytes = try bytes(name)
    guard !bytes.isEmpty else { throw damaged(name, "is empty") }
    do {
      return try SignedProfile(decoding: bytes)
    } catch {
      throw damaged(name, "is damaged: \(error)")
    }
  }
}

extension TerminalError {
  /// Reads a key; a passphrase that is missing or wrong is ``TerminalError/key(_:)``.
  package static func ofPassphrase(_ read: () throws -> PrivateKey) throws -> PrivateKey {
    do {
      return try read()
    } catch let error as CryptographyError where error.isOfPassphrase {
      throw TerminalError.key("\(error)")
    }
  }
}
