import Cryptography
import Gateway
import ProgramSupport

extension GatewayOptions {
  /// The gateway's folder.
  func folder(_ settings: Settings) throws -> GatewayFolder {
    guard let path = settings.text(data, .gateway) else {
      throw ProgramError(.usage, "--data is needed: the gateway's folder")
    }
    return GatewayFolder(path)
  }

  /// Reads the passphrase of the company's key, or the PIN of its token.
  func passphrase(_ settings: Settings) throws -> SecretBytes { try passphraseSource(settings).gatewayPassphrase() }

  /// Where the passphrase stands.
  func passphraseSource(_ settings: Settings) throws -> SecretSource {
    let path = settings.text(passphraseFile, .passphraseFile)
    guard let source = SecretSource(path, credential: "countersign-gateway-passphrase") else {
      throw ProgramError(
        .usage, "--passphrase-file is needed, or systemd's LoadCredential=countersign-gateway-passphrase")
    }
    return source
  }
}

extension SecretSource {
  func gatewayPassphrase() throws -> SecretBytes { try read("passphrase", atLeast: 8) }
}
