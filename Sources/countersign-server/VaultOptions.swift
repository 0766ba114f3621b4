import ArgumentParser
import Cryptography
import ProgramSupport

/// How the token that holds the vault's key-encryption key is opened, where one does.
struct VaultOptions: ParsableArguments {
  @Option(
    help: """
      File with the PIN of the PKCS#11 token that holds the vault's key-encryption key, mode 0600; default the systemd \
      credential countersign-vault-pin, where there is one. [COUNTERSIGN_VAULT_PIN_FILE]
      """)
  var vaultPinFile: String?

  /// - Returns: nil where none is named: the key-encryption key lies in a file.
  func pin(_ settings: Settings) throws -> SecretBytes? {
    let path = settings.text(vaultPinFile, .vaultPINFile)
    return try SecretSource(path, credential: "countersign-vault-pin")?.read("PIN", atLeast: 4)
  }
}
