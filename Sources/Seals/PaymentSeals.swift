import Bytes
import Cryptography

/// Sizes of the sealed parts of a payment, in bytes.
public enum SealSize {
  public static let tag = 16
  /// Second identity (32) and MAC address (6).
  public static let identityAndMAC = 38
  /// A keyword: ``identityAndMAC`` and tag.
  public static let keyword = identityAndMAC + tag
  /// Most that the sealed card data may have.
  public static let largestPayment = 512
}

/// Nonce of keyword, payment and reply: 4 zero bytes ‖ u64 sequence.
@inline(__always)
func withNonce<R>(_ sequence: UInt64, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
  let nonce = (
    UInt32(0), UInt32(truncatingIfNeeded: sequence >> 32).bigEndian, UInt32(truncatingIfNeeded: sequence).bigEndian
  )
  return try withUnsafeBytes(of: nonce, body)
}

/// Keyword and card data of one session, from both ends. One thread at a time; nothing is allocated per payment.
///
/// Source: docs/security.md, "SubmitPayment: the keyword".
public final class PaymentSeals {
  private let keyword: AES256GCM
  private var payment: AES256GCM?
  private let keys: SessionKeys
  private let session: Bytes16
  private let leaf: Bytes32
  private var associated = Pack("")

  /// - Parameter leaf: SHA-256 of the consultant's leaf certificate's DER.
  public init(keys: SessionKeys, session: Bytes16, leaf: Bytes32) {
    self.keys = keys
    self.session = session
    self.leaf = leaf
    keyword = AES256GCM(key: keys.keyword)
  }

  /// Makes the payment key of the identity in force; the former key is gone.
  ///
  /// - Parameter identityAndMAC: second identity (32) then MAC address (6).
  public func use(identityAndMAC: SecretBytes) {
    payment = AES256GCM(key: keys.paymentKey(identityAndMAC: identityAndMAC, session: session, leaf: leaf))
  }

  /// Forgets the payment key.
  public func forgetIdentity() { payment = nil }

  /// Seals second identity and MAC address for one order.
  ///
  /// - Parameters:
  ///   - identityAndMAC: 38 bytes.
  ///   - order: the serialized order, authenticated as it is.
  ///   - output: 54 bytes, ciphertext then tag.
  public func sealKeyword(
    _ identityAndMAC: UnsafeRawBufferPointer, order: UnsafeRawBufferPointer, sequence: UInt64,
    into output: UnsafeMutableRawBufferPointer
  ) {
    packKeyword(order)
    associated.bytes.withUnsafeBytes { aad in
      withNonce(sequence) { keyword.seal(nonce: $0, aad: aad, plaintext: identityAndMAC, into: output) }
    }
  }

  /// Opens the keyword of one payment and takes out what the terminal put in.
  ///
  /// - Parameters:
  ///   - box: 54 bytes, AES-256-GCM of 32-byte second identity and 6-byte MAC address, then the tag.
  ///   - order: the serialized order exactly as received; authenticated, not decoded here.
  ///   - output: 38 bytes; zeroed where the tag does not match.
  /// - Throws: ``SealError/keywordRejected`` where length or tag do not match.
  public func openKeyword(
    _ box: UnsafeRawBufferPointer, order: UnsafeRawBufferPointer, sequence: UInt64,
    into output: UnsafeMutableRawBufferPointer
  ) throws(SealError) {
    guard box.count == SealSize.keyword else { throw .keywordRejected }
    packKeyword(order)
    let opened = associated.bytes.withUnsafeBytes { aad in
      withNonce(sequence) { keyword.open(nonce: $0, aad: aad, box: box, into: output) }
    }
    guard opened else { throw .keywordRejected }
  }

  /// Seals card data for one order and its keyword.
  ///
  /// - Parameter output: as long as `card`, and 16 bytes for the tag.
  public func sealPayment(
    _ card: UnsafeRawBufferPointer, order: UnsafeRawBufferPointer, keyword: UnsafeRawBufferPointer, sequence: UInt64,
    into output: UnsafeMutableRawBufferPointer
  ) {
    guard let payment else { preconditionFailure("sealPayment before use(identityAndMAC:)") }
    packPayment(order, keyword)
    associated.bytes.withUnsafeBytes { aad in
      withNonce(sequence) { payment.seal(nonce: $0, aad: aad, plaintext: card, into: output) }
    }
  }

  /// Opens the card data of one payment.
  ///
  /// - Parameters:
  ///   - box: ciphertext, then the tag.
  ///   - output: 16 bytes shorter than `box`; the caller erases it.
  /// - Throws: ``SealError/paymentRejected`` where no identity is in force or length or tag do not match.
  public func openPayment(
    _ box: UnsafeRawBufferPointer, order: UnsafeRawBufferPointer, keyword: UnsafeRawBufferPointer, sequence: UInt64,
    into output: UnsafeMutableRawBufferPointer
  ) throws(SealError) {
    guard let payment, box.count >= SealSize.tag, box.count <= SealSize.largestPayment else { throw .paymentRejected }
    packPayment(order, keyword)
    let opened = associated.bytes.withUnsafeBytes { aad in
      withNonce(sequence) { payment.open(nonce: $0, aad: aad, box: box, into: output) }
    }
    guard opened else { throw .paymentRejected }
  }

  private func packKeyword(_ order: UnsafeRawBufferPointer) {
    associated.restart("countersign/1 keyword")
    associated.append(order)
  }

  private func packPayment(_ order: UnsafeRawBufferPointer, _ keyword: UnsafeRawBufferPointer) {
    associated.restart("countersign/1 payment")
    associated.append(order)
    associated.append(keyword)
  }
}
