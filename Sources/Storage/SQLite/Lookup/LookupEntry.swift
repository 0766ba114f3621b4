import Bytes
import Payments

/// What a payment is found by, as the writer remembers it until it stands in a run. Trivial.
struct LookupEntry: Sendable, BitwiseCopyable {
  let number: Int64
  /// Milliseconds since 1970-01-01T00:00:00Z.
  let time: Int64
  let consultant: Int64
  let fingerprint: Bytes16
  private var reference = InlineArray<64, UInt8>(repeating: 0)
  private let referenceCount: UInt8

  /// - Parameter reference: at most 64 bytes, as ``Limits/orderReference`` says.
  init(
    number: Int64, time: Int64, consultant: Int64, fingerprint: Bytes16, reference bytes: UnsafeRawBufferPointer
  ) {
    self.number = number
    self.time = time
    self.consultant = consultant
    self.fingerprint = fingerprint
    let count = min(bytes.count, 64)
    referenceCount = UInt8(count)
    withUnsafeMutableBytes(of: &reference) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
  }

  func withReference<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    withUnsafeBytes(of: reference) { body(UnsafeRawBufferPointer(rebasing: $0[..<Int(referenceCount)])) }
  }

  func isFound(by lookup: PaymentLookup) -> Bool {
    switch lookup {
    case .order(let sought): withReference { $0.elementsEqual(sought) }
    case .card(let sought): fingerprint == sought
    case .consultant(let sought): consultant == sought
    }
  }
}
