import Glibc
import ISO8583

/// What an acquirer's line may bring: messages in every shipped dialect, length headers as they trickle in, and field
/// tables. What is accepted must come back the same.
///
/// Input: one byte that chooses, then the bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard count > 0, let start else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
  switch Int(start[0]) % (tables.count + headers.count + 1) {
  case let index where index < tables.count: read(bytes, tables[index])
  case let index where index < tables.count + headers.count: split(bytes, headers[index - tables.count])
  default:
    if let table = try? FieldTable(file: "fuzz", bytes: Array(bytes)) { read(bytes, table) }
  }
  return 0
}

private func read(_ bytes: UnsafeRawBufferPointer, _ table: FieldTable) {
  var (message, again) = (Message(), Message())
  var encoded: [UInt8] = []
  guard (try? table.decode(bytes, into: &message)) != nil else { return }
  _ = table.describe(message)
  do {
    try table.encode(message, into: &encoded)
    try encoded.withUnsafeBytes { try table.decode($0, into: &again) }
  } catch {
    preconditionFailure("our own bytes were refused: \(error)")
  }
  precondition(message.type == again.type && message.fields == again.fields, "the message changed on its way")
  for field in message.fields { precondition(message[field] == again[field], "field \(field) changed on its way") }
}

/// A line read whole and byte by byte must be the same messages.
private func split(_ bytes: UnsafeRawBufferPointer, _ header: LengthHeader) {
  precondition(ends(bytes, header) { _ in bytes.count } == ends(bytes, header) { $0 + 1 }, "it matters how bytes come")
}

/// - Parameter more: how many bytes are there after so many were.
/// - Returns: where messages end and, last, -1 for a violation, -2 for a message that is not whole.
private func ends(_ bytes: UnsafeRawBufferPointer, _ header: LengthHeader, _ more: (Int) -> Int) -> [Int] {
  var (found, taken, there) = ([Int](), 0, more(0))
  while true {
    switch header.next(in: UnsafeRawBufferPointer(rebasing: bytes[min(taken, bytes.count)..<min(there, bytes.count)])) {
    case .message(let range):
      taken += range.upperBound
      found.append(taken)
    case .violation: return found + [-1]
    case .needMore(let total):
      precondition(total > min(there, bytes.count) - taken, "more is needed, but it is there")
      guard there < bytes.count else { return found + [-2] }
      there = more(there)
    }
  }
}

private let headers: [LengthHeader] = [.binary2, .ascii4, .tpdu(destination: 1, source: 2)]

/// `Scripts/fuzz` runs in the repository's root.
private let tables: [FieldTable] = [
  "dialects/iso8583-1987-ascii.fields", "dialects/iso8583-1987-bcd.fields", "dialects/iso8583-1993-ascii.fields",
  "dialects/iso8583-1993-bcd.fields", "Tests/Vectors/iso8583/every-format.fields",
].map { path in
  do {
    return try FieldTable(file: path, bytes: contents(path))
  } catch {
    preconditionFailure("\(error)")
  }
}

private func contents(_ path: String) -> [UInt8] {
  let file = open(path, O_RDONLY)
  precondition(file >= 0, "\(path) is missing")
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: 1 << 18)
  return Array(bytes[..<max(0, Glibc.read(file, &bytes, bytes.count))])
}
