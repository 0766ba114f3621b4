import Bytes
import Cryptography

/// Sealed answers of one session, for one method. One thread at a time; nothing is allocated per payment.
///
/// AES-256-GCM under replyKey, nonce 4 zero bytes ‖ u64 sequence of the request, associated data
/// pack("countersign/1 reply", method path, digest), where the digest is SHA-256 of the statement (Login), the order
/// (SubmitPayment) or the proof (GetPayment).
///
/// Source: docs/security.md, "Sealed calls".
public final class ReplySeal {
  private let key: AES256GCM
  private var associated: [UInt8]
  private let digestOffset: Int

  public init(keys: SessionKeys, method: String) {
    key = AES256GCM(key: keys.reply)
    var packed = Pack("countersign/1 reply")
    packed.append(method)
    packed.append(Bytes32.zero)
    associated = packed.bytes
    digestOffset = associated.count - 32
  }

  /// Seals one answer.
  ///
  /// - Parameter output: as long as `answer`, and 16 bytes for the tag.
  public func seal(
    _ answer: UnsafeRawBufferPointer, digest: Bytes32, sequence: UInt64, into output: UnsafeMutableRawBufferPointer
  ) {
    withAssociated(digest) { aad in
      withNonce(sequence) { key.seal(nonce: $0, aad: aad, plaintext: answer, into: output) }
    }
  }

  /// Seals one answer into new memory.
  public func seal(_ answer: [UInt8], digest: Bytes32, sequence: UInt64) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: answer.count + SealSize.tag) { output, count in
      count = answer.count + SealSize.tag
      answer.withUnsafeBytes {
        seal(
          $0, digest: digest, sequence: sequence,
          into: UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(output)[..<(answer.count + SealSize.tag)]))
      }
    }
  }

  /// Opens one answer.
  ///
  /// - Throws: ``SealError/replyRejected`` where the tag does not match.
  public func open(_ body: [UInt8], digest: Bytes32, sequence: UInt64) throws(SealError) -> [UInt8] {
    guard body.count >= SealSize.tag else { throw .replyRejected }
    var answer = [UInt8](repeating: 0, count: body.count - SealSize.tag)
    let opened = answer.withUnsafeMutableBytes { output in
      body.withUnsafeBytes { body in
        withAssociated(digest) { aad in
          withNonce(sequence) { key.open(nonce: $0, aad: aad, box: body, into: output) }
        }
      }
    }
    guard opened else { throw .replyRejected }
    return answer
  }

  private func withAssociated<R>(_ digest: Bytes32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    associated.withUnsafeMutableBytes { bytes in
      digest.withUnsafeBytes {
        bytes.baseAddress?.advanced(by: digestOffset).copyMemory(from: $0.baseAddress!, byteCount: 32)
      }
      return body(UnsafeRawBufferPointer(bytes))
    }
  }
}
