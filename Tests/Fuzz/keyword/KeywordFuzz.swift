import Bytes
import Cryptography
import Seals

/// A keyword from a peer, and a real one that was changed on its way: neither may open, and nothing is left of it.
///
/// Input: one byte that says which byte of a real keyword is changed, one that says how, then the peer's keyword, which
/// is also used as the order.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard count >= 2, let start else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  let peer = UnsafeRawBufferPointer(rebasing: bytes[2...])
  precondition(open(peer, order: peer, sequence: UInt64(bytes[0])) == nil, "a keyword opened that nobody sealed")

  var box = [UInt8](repeating: 0, count: SealSize.keyword)
  box.withUnsafeMutableBytes { box in
    seals.withIdentity { seals.value.sealKeyword($0, order: peer, sequence: 1, into: box) }
    let place = Int(bytes[0]) % (box.count + 1)
    if place < box.count { box[place] ^= bytes[1] }
    let isChanged = place < box.count && bytes[1] != 0
    let opened = open(UnsafeRawBufferPointer(box), order: peer, sequence: 1)
    precondition((opened == nil) == isChanged, "a changed keyword opened, or a real one did not")
    if let opened { precondition(opened == OneSession.identity, "another identity came out") }
    let cut = UnsafeRawBufferPointer(rebasing: box[..<place])
    precondition(place == box.count || open(cut, order: peer, sequence: 1) == nil, "a cut keyword opened")
  }
  return 0
}

/// Identity and MAC address, or nil; what was written into the output is checked to be zero then.
private func open(_ box: UnsafeRawBufferPointer, order: UnsafeRawBufferPointer, sequence: UInt64) -> [UInt8]? {
  var output = [UInt8](repeating: 0, count: SealSize.identityAndMAC)
  do {
    try output.withUnsafeMutableBytes { try seals.value.openKeyword(box, order: order, sequence: sequence, into: $0) }
    return output
  } catch {
    precondition(output.allSatisfy { $0 == 0 }, "something is left of a refused keyword")
    return nil
  }
}

/// libFuzzer calls from one thread only.
nonisolated(unsafe) private let seals = OneSession()

private struct OneSession {
  static let identity = [UInt8](1...38)
  let value: PaymentSeals

  init() {
    do {
      let key = X25519PrivateKey.generate()
      let (_, context) = try HPKE.sender(to: key.publicKey, info: [])
      let keys = SessionKeys(context: context, statement: SHA256.digest([]))
      value = PaymentSeals(keys: keys, session: Bytes16(high: 1, low: 2), leaf: SHA256.digest([1]))
    } catch {
      preconditionFailure("no session keys: \(error)")
    }
  }

  func withIdentity(_ body: (UnsafeRawBufferPointer) -> Void) {
    OneSession.identity.withUnsafeBytes { body($0) }
  }
}
