import Authority
import Cryptography
import Files

/// The data folder of a server, for what an operator's own tools would do with it.
struct ServiceFolder {
  let path: String

  init(_ path: String) { self.path = path }

  func issuer() throws -> Issuer {
    let chain = try Certificate.fromPEM(try Files.read("\(path)/authority/issuing.pem"))
    let key = try PrivateKey(pem: try Files.readSecret("\(path)/authority/issuing.key"), passphrase: nil)
    return Issuer(certificate: chain[0], key: key, chain: chain)
  }
}
