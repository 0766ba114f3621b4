import Bytes
import Cryptography

/// What both ends fix before a login: the service, its root and the sealing key. The *preset encryption information*.
///
/// Source: docs/security.md, "Login".
public struct PresetInformation: Sendable {
  /// Lower-case ASCII.
  public let serviceName: String
  /// SHA-256 of the root's DER.
  public let rootFingerprint: Bytes32
  /// 8 bytes.
  public let sealingKeyID: [UInt8]

  public init(serviceName: String, rootFingerprint: Bytes32, sealingKeyID: [UInt8]) {
    self.serviceName = serviceName
    self.rootFingerprint = rootFingerprint
    self.sealingKeyID = sealingKeyID
  }

  /// HPKE's `info` (RFC 9180 section 5.1).
  public var hpkeInfo: [UInt8] {
    var info = Pack("countersign/1 hpke")
    info.append(serviceName)
    info.append(rootFingerprint)
    info.append(sealingKeyID)
    return info.bytes
  }
}

/// The five keys that both ends of a login export from their HPKE context.
public struct SessionKeys: Sendable {
  /// Proves IssueIdentity, GetPayment and Logout.
  public let call: SecretBytes
  /// Seals the second identity on its way to the terminal.
  public let identity: SecretBytes
  /// Seals the keyword.
  public let keyword: SecretBytes
  /// Goes, with the second identity and the MAC address, into the payment key.
  public let login: SecretBytes
  /// Seals the server's answers.
  public let reply: SecretBytes

  /// - Parameter statement: SHA-256 of the serialized login statement.
  public init(context: HPKEContext, statement: Bytes32) {
    func export(_ name: String) -> SecretBytes {
      var exporter = Pack("countersign/1 key")
      exporter.append(name)
      exporter.append(statement)
      return context.export(exporter.bytes, count: 32)
    }
    call = export("callKey")
    identity = export("identityKey")
    keyword = export("keywordKey")
    login = export("loginKey")
    reply = export("replyKey")
  }

  /// Proves knowledge of the call key for one sealed call.
  ///
  /// - Returns: HMAC-SHA256(callKey, pack("countersign/1 call", method path, session, u64 sequence)).
  public func proof(method: String, session: Bytes16, sequence: UInt64) -> Bytes32 {
    var message = Pack("countersign/1 call")
    message.append(method)
    message.append(session)
    message.append(sequence)
    return HMACSHA256.authenticate(message.bytes, key: call)
  }

  /// The key of the card data: only who has identity, MAC address and login can make it.
  ///
  /// - Parameter identityAndMAC: second identity (32) then MAC address (6).
  /// - Returns: HKDF-SHA256(salt: identity ‖ MAC, ikm: loginKey, info: pack("countersign/1 payment key", session,
  ///   SHA-256(leaf DER)), 32 bytes).
  public func paymentKey(identityAndMAC: SecretBytes, session: Bytes16, leaf: Bytes32) -> SecretBytes {
    var info = Pack("countersign/1 payment key")
    info.append(session)
    info.append(leaf)
    return HKDFSHA256.derive(salt: identityAndMAC, ikm: login, info: info.bytes, count: 32)
  }
}

/// What is signed at login, in the order in which it is signed.
public enum SigningInput {
  /// Signed by the consultant.
  public static func statement(_ statement: [UInt8]) -> [UInt8] { Pack("countersign/1 statement", statement).bytes }

  /// Signed by the company.
  public static func countersignature(statement: [UInt8], signature: [UInt8], companyLeaf: Bytes32) -> [UInt8] {
    Pack("countersign/1 countersignature", statement, signature, companyLeaf.bytes).bytes
  }

  /// Signed by the key of the certificate that is renewed.
  public static func renewal(_ renewal: [UInt8]) -> [UInt8] { Pack("countersign/1 renewal", renewal).bytes }

  /// Signed by the key of an outside authority's certificate at enrolment: its holder has the key, and means this token
  /// and this device.
  public static func outsideEnrolment(token: [UInt8], leaf: Bytes32, macAddress: [UInt8]) -> [UInt8] {
    Pack("countersign/1 outside enrolment", token, leaf.bytes, macAddress).bytes
  }

  /// Signed by the service's sealing certificate: a sealing key.
  public static func sealingKey(_ key: [UInt8]) -> [UInt8] { Pack("countersign/1 sealing", key).bytes }

  /// Signed by the service's sealing certificate: a terminal's profile.
  public static func profile(_ profile: [UInt8]) -> [UInt8] { Pack("countersign/1 profile", profile).bytes }

  /// Signed by the consultant's key: the root that stands beside it on the terminal.
  public static func pinnedRoot(_ root: Bytes32) -> [UInt8] { Pack("countersign/1 pinned root", root.bytes).bytes }

  /// Signed by the service's bundle certificate: a program's description.
  public static func bundle(_ bundle: [UInt8]) -> [UInt8] { Pack("countersign/1 bundle", bundle).bytes }
}

/// Associated data of the renewal's single-shot seal.
public enum RenewalSeal {
  public static var associatedData: [UInt8] { Pack("countersign/1 renewal seal").bytes }
}

/// Associated data of the enrolment's single-shot seal.
public enum EnrolmentSeal {
  public static var associatedData: [UInt8] { Pack("countersign/1 enrolment").bytes }
  /// Of a gateway's, so that neither can be taken for the other.
  public static var gatewayAssociatedData: [UInt8] { Pack("countersign/1 gateway enrolment").bytes }
}
