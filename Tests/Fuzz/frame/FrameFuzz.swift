import Wire

/// One byte stream read as frames: whole, and as it would trickle in. Both must find the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  let whole = read(bytes) { _ in bytes.count }
  precondition(whole == read(bytes) { $0 + 1 }, "frames depend on how they trickle in")
  return 0
}

/// - Parameter more: how many bytes are there after so many were.
/// - Returns: sizes of the frames found and, last, -1 for a violation, -2 for a frame that is not whole.
private func read(_ bytes: UnsafeRawBufferPointer, _ more: (Int) -> Int) -> [Int] {
  var deframer = Deframer()
  var found: [Int] = []
  var taken = 0
  var there = more(0)
  while true {
    let seen = UnsafeRawBufferPointer(rebasing: bytes[min(taken, bytes.count)..<min(there, bytes.count)])
    switch deframer.next(in: seen) {
    case .frame(let frame):
      precondition(frame.meta.count + frame.message.count + FrameHeader.size == frame.size)
      precondition(frame.size <= seen.count)
      found.append(frame.size)
      taken += frame.size
    case .violation: return found + [-1]
    case .needMore(let total):
      precondition(total > seen.count, "more is needed, but it is there")
      guard there < bytes.count else { return found + [-2] }
      there = more(there)
    }
  }
}
