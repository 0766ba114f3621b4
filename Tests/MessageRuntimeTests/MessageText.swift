import MessageRuntime

/// What a message holds as text, in the form that Tests/Python/message_cases.py describes. Works by reflection, so that
/// it knows nothing of how generated code reads and writes.
func text(of value: Any) -> String {
  // An empty list of any type can be cast to [UInt8].
  let isBytes = type(of: value) == [UInt8].self
  return switch value {
  case let value as Double: floating(value.bitPattern, value.isNaN)
  case let value as Float: floating(value.bitPattern, value.isNaN)
  case let value as String: "\"" + hex(value.utf8)
  case let value as [UInt8] where isBytes: "x" + hex(value)
  case let value as any Message: text(ofMessage: value)
  case let value as any RawRepresentable<Int32>: "\(value.rawValue)"
  default: text(ofCollection: value)
  }
}

private func text(ofMessage message: any Message) -> String {
  var fields: [(name: String, text: String)] = []
  for child in Mirror(reflecting: message).children {
    guard let label = child.label else { continue }
    let mirror = Mirror(reflecting: child.value)
    if label.hasPrefix("_") {
      // A message inside itself is stored in a list of at most one.
      if let boxed = mirror.children.first { fields.append((String(label.dropFirst()), text(of: boxed.value))) }
    } else if mirror.displayStyle == .optional {
      if let wrapped = mirror.children.first { fields.append((label, text(ofSet: wrapped.value))) }
    } else {
      fields.append((label, text(of: child.value)))
    }
  }
  let sorted = fields.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  return "{" + sorted.map { "\($0.name)=\($0.text)" }.joined(separator: ",") + "}"
}

/// A message that is there, or the chosen field of a oneof.
private func text(ofSet value: Any) -> String {
  let mirror = Mirror(reflecting: value)
  guard mirror.displayStyle == .enum, let chosen = mirror.children.first else { return text(of: value) }
  return ".\(chosen.label ?? "")(\(text(of: chosen.value)))"
}

private func text(ofCollection value: Any) -> String {
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .collection: return "[" + mirror.children.map { text(of: $0.value) }.joined(separator: ",") + "]"
  case .dictionary:
    let entries = mirror.children.map { entry in
      Mirror(reflecting: entry.value).children.map { text(of: $0.value) }.joined(separator: ":")
    }
    return "{" + entries.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ",") + "}"
  default: return "\(value)"
  }
}

private func floating<Bits: FixedWidthInteger>(_ bits: Bits, _ isNaN: Bool) -> String {
  guard !isNaN else { return "nan" }
  let digits = String(bits, radix: 16)
  return String(repeating: "0", count: Bits.bitWidth / 4 - digits.count) + digits
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
}
