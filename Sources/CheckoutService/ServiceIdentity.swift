import Authority
import Cryptography
import Files
import NetworkService
import Synchronization

/// What the service is, as its certificates say: name, root and issuer.
struct ServiceIdentity: Sendable {
  /// Common name of the root; lower-case ASCII.
  let serviceName: String
  let root: Certificate
  let issuer: Issuer
  /// First dNSName of the TLS certificate.
  let dnsName: String

  /// - Throws: `FileError` that names the file.
  init(_ folder: DataFolder, ocspAddress: OCSPAddress? = nil) throws {
    var issuer = try folder.issuer()
    issuer.ocspAddress = ocspAddress
    self.issuer = issuer
    root = try folder.chain("authority/root.pem")[0]
    guard let serviceName = root.commonName else {
      throw FileError(path: folder.file("authority/root.pem"), doing: "use", cause: "has no common name")
    }
    self.serviceName = serviceName
    guard let dnsName = try folder.chain("tls/chain.pem")[0].serverNames.first else {
      throw FileError(path: folder.file("tls/chain.pem"), doing: "use", cause: "the first certificate has no host name")
    }
    self.dnsName = dnsName
  }
}

/// Where terminals are to connect. The port is known once the server listens.
final class PublicDestination: Sendable {
  /// Name or address.
  let host: String
  /// Host name or address in the TLS certificate at the other end.
  let dnsName: String
  /// Never decreases; operators raise it with each change of the destination.
  let number: UInt64
  private let listening = Atomic<UInt16>(0)
  private let network = Atomic<UInt16>(0)

  init(host: String, dnsName: String, number: UInt64) {
    self.host = host
    self.dnsName = dnsName
    self.number = number
  }

  var port: UInt16 { listening.load(ordering: .acquiring) }

  func set(port: UInt16) { listening.store(port, ordering: .releasing) }

  /// Port of the network service at the same host; 0: there is none.
  var networkPort: UInt16 { network.load(ordering: .acquiring) }

  func set(networkPort: UInt16) { network.store(networkPort, ordering: .releasing) }

  /// The service as the page of its programs shows it.
  func served(service: ServiceIdentity) -> ServedService {
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    let host = host.contains(":") ? "[\(host)]" : host
    return ServedService(
      name: service.serviceName, root: service.root.fingerprint, host: host, enrolment: "\(host):\(port)")
  }
}
