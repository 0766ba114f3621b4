import Bytes

public struct CompanyRow: Sendable, Equatable {
  public var id: Int64
  public var name: String
  public var revoked: Bool
  public init(id: Int64, name: String, revoked: Bool) {
    self.id = id
    self.name = name
    self.revoked = revoked
  }
}

public struct ConsultantRow: Sendable, Equatable {
  public var id: Int64
  public var company: Int64
  public var name: String
  public var revoked: Bool
  public init(id: Int64, company: Int64, name: String, revoked: Bool) {
    self.id = id
    self.company = company
    self.name = name
    self.revoked = revoked
  }
}

/// A certificate that belongs to a registered holder.
public struct CertificateRow: Sendable, Equatable {
  public enum Holder: Sendable, Equatable {
    case consultant(Int64)
    case company(Int64)
    case administrator(Int64)
    /// The TLS certificate of the gateway of this company.
    case gateway(Int64)
  }
  /// SHA-256 of the DER.
  public var fingerprint: Bytes32
  public var der: [UInt8]
  /// DER of the issuer's name.
  public var issuer: [UInt8]
  /// Big-endian.
  public var serial: [UInt8]
  /// RFC 4514 text, for people.
  public var issuerText: String
  public var subjectText: String
  public var holder: Holder
  /// The registered device; consultants only.
  public var macAddress: MACAddress?
  /// Seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64
  /// Nil while the certificate is good.
  public var revocation: Revocation?
  public init(
    fingerprint: Bytes32, der: [UInt8], issuer: [UInt8], serial: [UInt8], issuerText: String, subjectText: String,
    holder: Holder, macAddress: MACAddress?, notAfter: Int64, revocation: Revocation? = nil
  ) {
    self.fingerprint = fingerprint
    self.der = der
    self.issuer = issuer
    self.serial = serial
    self.issuerText = issuerText
    self.subjectText = subjectText
    self.holder = holder
    self.macAddress = macAddress
    self.notAfter = notAfter
    self.revocation = revocation
  }
}

public struct TokenRow: Sendable, Equatable {
  /// SHA-256 of the 16 secret bytes.
  public var digest: Bytes32
  public var consultant: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64
  /// SHA-256 of the SubjectPublicKeyInfo it was used for.
  public var request: Bytes32?
  /// Fingerprint of the certificate it was exchanged for.
  public var certificate: Bytes32?
  public init(digest: Bytes32, consultant: Int64, notAfter: Int64, request: Bytes32? = nil, certificate: Bytes32? = nil)
  {
    self.digest = digest
    self.consultant = consultant
    self.notAfter = notAfter
    self.request = request
    self.certificate = certificate
  }
}

/// A company's gateway: where its terminals find it, and the token that it is set up with.
public struct GatewayRow: Sendable, Equatable {
  public var company: Int64
  /// Name or address.
  public var host: String
  public var port: UInt16
  /// dNSName of its TLS certificate.
  public var dnsName: String
  /// From 1; one more each time the gateway is registered anew.
  public var number: Int64
  /// SHA-256 of the token's 16 secret bytes.
  public var token: Bytes32
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var tokenNotAfter: Int64
  /// SHA-256 over both SubjectPublicKeyInfos that the token was used for; nil: not used.
  public var request: Bytes32?
  /// Fingerprints of the certificates that the last token in use was exchanged for.
  public var companyCertificate: Bytes32?
  public var tlsCertificate: Bytes32?
  public init(
    company: Int64, host: String, port: UInt16, dnsName: String, number: Int64, token: Bytes32, tokenNotAfter: Int64,
    request: Bytes32? = nil, companyCertificate: Bytes32? = nil, tlsCertificate: Bytes32? = nil
  ) {
    self.company = company
    self.host = host
    self.port = port
    self.dnsName = dnsName
    self.number = number
    self.token = token
    self.tokenNotAfter = tokenNotAfter
    self.request = request
    self.companyCertificate = companyCertificate
    self.tlsCertificate = tlsCertificate
  }
}

/// A login. Never holds an exported key.
public struct SessionRow: Sendable, Equatable {
  public var id: Bytes16
  public var challenge: Bytes32
  public var consultant: Int64
  public var company: Int64
  public var consultantCertificate: Bytes32
  public var companyCertificate: Bytes32
  public var macAddress: MACAddress
  /// HPKE encapsulated key, 32 bytes; the keys are derived from it again by any process.
  public var enc: Bytes32
  /// 8 bytes.
  public var sealingKey: [UInt8]
  /// SHA-256(statement).
  public var statement: Bytes32
  /// 0 for a direct connection, else the company that authenticated it.
  public var path: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var loginTime: Int64
  /// SHA-256(pack("countersign/1 stored identity", session, identity)); nil before the first issue.
  public var identityDigest: Bytes32?
  /// Random start id of the process that issued the identity.
  public var process: UInt64
  /// Sequence of the call that issued the identity.
  public var identitySequence: UInt64
  public var ended: SessionEnd?

  public init(
    id: Bytes16, challenge: Bytes32, consultant: Int64, company: Int64, consultantCertificate: Bytes32,
    companyCertificate: Bytes32, macAddress: MACAddress, enc: Bytes32, sealingKey: [UInt8], statement: Bytes32,
    path: Int64, loginTime: Int64, identityDigest: Bytes32? = nil, process: UInt64 = 0, identitySequence: UInt64 = 0,
    ended: SessionEnd? = nil
  ) {
    self.id = id
    self.challenge = challenge
    self.consultant = consultant
    self.company = company
    self.consultantCertificate = consultantCertificate
    self.companyCertificate = companyCertificate
    self.macAddress = macAddress
    self.enc = enc
    self.sealingKey = sealingKey
    self.statement = statement
    self.path = path
    self.loginTime = loginTime
    self.identityDigest = identityDigest
    self.process = process
    self.identitySequence = identitySequence
    self.ended = ended
  }
}

/// Why a session is over. Raw values are stored.
public enum SessionEnd: UInt8, Sendable, BitwiseCopyable {
  case logout = 1
  case newLogin = 2
  case idle = 3
  case lifetime = 4
  case revoked = 5
  /// No answer came about a certificate's status.
  case noStatus = 6
  /// The ledger was restored from a backup.
  case restored = 7
}
