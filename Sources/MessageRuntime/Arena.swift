import CProtobufC
import Glibc

/// Memory for one message at a time: given out in order, given back all at once.
///
/// A message grows no further than the budget of its decoding rules, however small its bytes are. One thread at a time.
public final class Arena {
  /// So far from the largest integer that rounding up cannot overflow.
  private static let unlimited = Int.max - 4_096

  /// What libprotobuf-c's allocator works on: behind a pointer, since a message asks for memory many times.
  private struct State {
    let block: UnsafeMutableRawBufferPointer
    var used = 0
    /// Pieces that did not fit into the block.
    var overflow: [UnsafeMutableRawBufferPointer] = []
    var overflowBytes = 0
    /// Bytes that may be given out, those since the last reset counted.
    var budget = Arena.unlimited

    /// Memory for `count` bytes, aligned to 16; nil where the budget is used up.
    mutating func take(_ count: Int) -> UnsafeMutableRawPointer? {
      guard count >= 0, count <= budget else { return nil }
      let size = (max(count, 1) + 15) & ~15
      guard size <= budget - used - overflowBytes else { return nil }
      if size <= block.count - used, let start = block.baseAddress {
        defer { used += size }
        return start + used
      }
      let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
      overflow.append(piece)
      overflowBytes += size
      return piece.baseAddress
    }
  }

  private let state: UnsafeMutablePointer<State>
  /// What libprotobuf-c allocates with.
  let allocator: UnsafeMutablePointer<ProtobufCAllocator>

  /// - Parameter capacity: bytes that are kept from message to message.
  public init(capacity: Int = 4_096) {
    state = .allocate(capacity: 1)
    state.initialize(to: State(block: .allocate(byteCount: capacity, alignment: 16)))
    allocator = .allocate(capacity: 1)
    allocator.initialize(
      to: ProtobufCAllocator(
        alloc: { state, count in state?.assumingMemoryBound(to: State.self).pointee.take(count) },
        free: { _, _ in }, allocator_data: state))
  }

  deinit {
    reset()
    state.pointee.block.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
    allocator.deallocate()
  }

  /// Takes everything back.
  ///
  /// - Parameter erasing: zeroes what was given out, for messages that hold secrets.
  public func reset(erasing: Bool = false) {
    if erasing { erase(state.pointee.block, state.pointee.used) }
    if !state.pointee.overflow.isEmpty { freeOverflow(erasing: erasing) }
    state.pointee.used = 0
  }

  private func freeOverflow(erasing: Bool) {
    for piece in state.pointee.overflow {
      if erasing { erase(piece, piece.count) }
      piece.deallocate()
    }
    state.pointee.overflow.removeAll(keepingCapacity: true)
    state.pointee.overflowBytes = 0
  }

  /// Runs `body`, during which no more than `budget` bytes are given out, what was given out before counted.
  func limited<R>(to budget: Int, _ body: () -> R) -> R {
    state.pointee.budget = budget
    defer { state.pointee.budget = Arena.unlimited }
    return body()
  }

  private func erase(_ memory: UnsafeMutableRawBufferPointer, _ count: Int) {
    if let start = memory.baseAddress { explicit_bzero(start, count) }
  }

  /// Memory for `count` bytes, aligned to 16; nil where the budget is used up.
  func take(_ count: Int) -> UnsafeMutableRawPointer? { state.pointee.take(count) }
}

// MARK: - For generated code

extension Arena {
  /// Room for `count` values that the caller initialises.
  public func make<T>(_ type: T.Type, count: Int = 1) -> UnsafeMutablePointer<T> {
    guard let memory = take(count * MemoryLayout<T>.stride) else {
      preconditionFailure("an arena without budget is never full")
    }
    return memory.bindMemory(to: type, capacity: count)
  }

  /// Text as a C string; what follows a NUL character is lost, as libprotobuf-c keeps no length.
  public func text(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8
    let memory = make(CChar.self, count: bytes.count + 1)
    var index = 0
    for byte in bytes {
      memory[index] = CChar(bitPattern: byte)
      index += 1
    }
    memory[index] = 0
    return memory
  }

  /// Bytes as libprotobuf-c keeps them.
  public func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    let memory = make(UInt8.self, count: bytes.count)
    for index in bytes.indices { memory[index] = bytes[index] }
    return ProtobufCBinaryData(len: bytes.count, data: memory)
  }

  /// A list, each element made by `body`.
  public func list<T, C>(_ values: [T], _ body: (T) -> C) -> UnsafeMutablePointer<C>? {
    guard !values.isEmpty else { return nil }
    let memory = make(C.self, count: values.count)
    for index in values.indices { (memory + index).initialize(to: body(values[index])) }
    return memory
  }

  /// A message as its C struct.
  public func message<M: Message>(_ message: M) -> UnsafeMutablePointer<M.C> {
    let memory = make(M.C.self)
    M.initialize(memory)
    message.write(to: &memory.pointee, in: self)
    return memory
  }
}

extension String {
  /// Text of a decoded message; a pointer that was never set is empty text.
  public init(decoded text: UnsafePointer<CChar>?) {
    self = text.map { String(cString: $0) } ?? ""
  }
}

extension [UInt8] {
  /// Bytes of a decoded message.
  public init(decoded data: ProtobufCBinaryData) {
    self.init(UnsafeBufferPointer(start: data.data, count: data.len))
  }
}
