import Bytes

/// That something is not to be trusted any more.
public struct Revocation: Sendable, Equatable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  public var reason: RevocationReason
  public init(time: Int64, reason: RevocationReason) {
    self.time = time
    self.reason = reason
  }
}

/// Why something is revoked: those reasons of RFC 5280, section 5.3.1, that a person gives, with their numbers.
public enum RevocationReason: UInt8, Sendable, CaseIterable {
  case unspecified = 0
  case keyCompromise = 1
  case affiliationChanged = 3
  case superseded = 4
  case cessationOfOperation = 5
  case privilegeWithdrawn = 9

  /// As operators write it, for example "key-compromise".
  public var name: String {
    switch self {
    case .unspecified: "unspecified"
    case .keyCompromise: "key-compromise"
    case .affiliationChanged: "affiliation-changed"
    case .superseded: "superseded"
    case .cessationOfOperation: "cessation-of-operation"
    case .privilegeWithdrawn: "privilege-withdrawn"
    }
  }
}

/// What the kill switch stops.
public enum RevocationTarget: Sendable, Equatable {
  /// A consultant with all their certificates.
  case consultant(Int64)
  /// A company with its own certificates; its consultants cannot log in without them.
  case company(Int64)
  /// One certificate by SHA-256 of its DER.
  case certificate(Bytes32)
  /// Terminals with this MAC address, whoever uses them, now and later.
  case device(MACAddress)
}

/// What a revocation did.
public struct RevocationEffect: Sendable, Equatable {
  /// False where everything was revoked before.
  public var isNew: Bool
  /// When and why it was revoked: now, or the first time.
  public var revocation: Revocation
  /// Live sessions that it ended.
  public var sessions: [Bytes16]
  /// SHA-256 of the DER of certificates that are revoked with it.
  public var certificates: [Bytes32]
  public init(isNew: Bool, revocation: Revocation, sessions: [Bytes16], certificates: [Bytes32]) {
    self.isNew = isNew
    self.revocation = revocation
    self.sessions = sessions
    self.certificates = certificates
  }
}

/// Where a list of certificates goes on.
public struct CertificateCursor: Sendable, Equatable {
  /// Seconds since 1970-01-01T00:00:00Z.
  public var notAfter: Int64
  /// SHA-256 of the DER.
  public var fingerprint: Bytes32
  public init(notAfter: Int64, fingerprint: Bytes32) {
    self.notAfter = notAfter
    self.fingerprint = fingerprint
  }
}
