import Bytes
import Cryptography

/// The hidden second identity of a session.
///
/// Source: docs/security.md, "IssueIdentity".
public enum SecondIdentity {
  /// Bytes of an identity.
  public static let count = 32

  /// Makes a fresh identity: HMAC-SHA256(32 random bytes, pack("countersign/1 second identity", session, u64 consultant,
  /// SHA-256 of the registered certificate)). The random bytes are dropped.
  public static func make(session: Bytes16, consultant: Int64, certificate: Bytes32) -> SecretBytes {
    derive(
      random: SecretBytes(copying: randomBytes(32)), session: session, consultant: consultant, certificate: certificate)
  }

  /// ``make(session:consultant:certificate:)`` with given random bytes, for vectors.
  package static func derive(
    random: SecretBytes, session: Bytes16, consultant: Int64, certificate: Bytes32
  ) -> SecretBytes {
    var message = Pack("countersign/1 second identity")
    message.append(session)
    message.append(UInt64(bitPattern: consultant))
    message.append(certificate)
    return HMACSHA256.authenticate(message.bytes, key: random).withUnsafeBytes { SecretBytes(copying: $0) }
  }

  /// What the database keeps: SHA-256(pack("countersign/1 stored identity", session, identity)).
  public static func storedDigest(_ identity: SecretBytes, session: Bytes16) -> Bytes32 {
    var message = Pack("countersign/1 stored identity")
    message.append(session)
    identity.withUnsafeBytes { message.append($0) }
    return SHA256.digest(message.bytes)
  }

  /// Seals an identity to its terminal.
  ///
  /// - Parameter nonce: 12 fresh random bytes.
  /// - Returns: 48 bytes, ciphertext then tag.
  public static func seal(
    _ identity: SecretBytes, nonce: [UInt8], session: Bytes16, proof: [UInt8], keys: SessionKeys
  ) -> [UInt8] {
    let box = AES256GCM(key: keys.identity)
    return identity.withUnsafeBytes { identity in
      box.seal(nonce: nonce, aad: associatedData(session: session, proof: proof), plaintext: identity)
    }
  }

  /// Opens what ``seal(_:nonce:session:proof:keys:)`` made.
  ///
  /// - Throws: ``SealError/identityRejected`` where length or tag do not fit.
  public static func open(
    box: [UInt8], nonce: [UInt8], session: Bytes16, proof: [UInt8], keys: SessionKeys
  ) throws(SealError) -> SecretBytes {
    guard box.count == count + 16, nonce.count == 12,
      let identity = AES256GCM(key: keys.identity).open(
        nonce: nonce, aad: associatedData(session: session, proof: proof), box: box)
    else { throw .identityRejected }
    return identity
  }

  private static func associatedData(session: Bytes16, proof: [UInt8]) -> [UInt8] {
    var data = Pack("countersign/1 identity")
    data.append(session)
    data.append(proof)
    return data.bytes
  }
}

/// Why a seal was not opened. Says no more, on purpose.
public enum SealError: Error, Sendable, Equatable {
  case identityRejected
  case keywordRejected
  case paymentRejected
  case replyRejected
}
