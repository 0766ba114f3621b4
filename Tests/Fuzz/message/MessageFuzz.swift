import MessageRuntime

/// Bytes decoded as the test message that has a field of every kind. What is accepted must come back the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  decodeInLittleMemory(bytes)
  guard let message = try? Everything(decoding: bytes) else {
    precondition((try? Everything(decoding: bytes, rules: .signed)) == nil, "stricter rules accepted more")
    return 0
  }
  let encoded = message.encoded()
  do {
    let again = try Everything(decoding: encoded, rules: unlimited)
    // Bytes are compared, as NaN differs from itself.
    precondition(again.encoded() == encoded, "the message changed on its way")
  } catch {
    preconditionFailure("our own bytes were refused: \(error)")
  }
  return 0
}

/// An element may be written longer than it was read: packed numbers one by one, an absent map value as an empty one.
private let unlimited: DecodingRules = {
  var rules = DecodingRules()
  rules.depth = 16
  rules.fields = 65_536
  rules.repeats = 65_536
  rules.budget = 1 << 26
  return rules
}()

/// Every place where memory may run out is passed by one of these budgets.
private func decodeInLittleMemory(_ bytes: UnsafeRawBufferPointer) {
  var rules = DecodingRules()
  for budget in [16, 128, 512, 2_048, 8_192] {
    rules.budget = budget
    _ = try? Everything(decoding: bytes, rules: rules)
  }
}
