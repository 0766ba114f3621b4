import ArgumentParser
import CountersignClient
import Cryptography

/// A certificate of an outside authority with its key, as the command `certificate` of terminal and gateway takes them.
public struct CertificateOptions: ParsableArguments {
  @Option(help: "PEM file with the chain, leaf first.")
  public var certificate: String

  @Option(help: "PEM file with its key, mode 0600; it may be encrypted under the passphrase of the folder.")
  public var key: String

  public init() {}

  /// - Parameter passphrase: opens the key where it is encrypted.
  public func holder(_ passphrase: SecretBytes) throws -> CertificateHolder {
    try CertificateHolder(certificate: certificate, key: key, passphrase: passphrase)
  }
}
