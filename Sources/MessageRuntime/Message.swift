import CProtobufC

/// A generated message: a Swift struct over the C struct that protoc-gen-c made for the same message.
public protocol Message: Sendable, Equatable {
  /// The C struct.
  associatedtype C
  /// Describes the message to libprotobuf-c.
  static var descriptor: MessageDescriptor { get }
  /// Sets a C struct to the message's default.
  static func initialize(_ c: UnsafeMutablePointer<C>)
  /// The default: every field empty or zero.
  init()
  /// Copies a decoded C struct.
  init(copying c: UnsafePointer<C>)
  /// Writes the fields into an initialised C struct; what they point to lies in `arena`.
  func write(to c: inout C, in arena: Arena)
}

extension Message {
  /// Copies a decoded C struct; for generated code, which a message with deprecated fields would warn if it named that
  /// message's own ``init(copying:)``.
  public static func copy(of c: UnsafePointer<C>) -> Self { Self(copying: c) }

  /// Decodes a message.
  ///
  /// - Throws: ``DecodingFailure`` that names the field; nothing was unpacked where the rules are broken.
  public init(decoding bytes: UnsafeRawBufferPointer, rules: DecodingRules = .standard) throws(DecodingFailure) {
    let arena = Arena()
    var decoded: Self?
    do {
      decoded = try Self.withDecoded(bytes, in: arena, rules: rules) { Self(copying: $0) }
    } catch let failure as DecodingFailure {
      throw failure
    } catch {
      throw DecodingFailure("\(error)")
    }
    guard let decoded else { throw DecodingFailure("was not decoded") }
    self = decoded
  }

  /// Decodes a message; see ``init(decoding:rules:)-(UnsafeRawBufferPointer,_)``.
  public init(decoding bytes: [UInt8], rules: DecodingRules = .standard) throws(DecodingFailure) {
    let result = bytes.withUnsafeBytes { bytes in
      Result<Self, DecodingFailure> { () throws(DecodingFailure) in try Self(decoding: bytes, rules: rules) }
    }
    self = try result.get()
  }

  /// Decodes a message into an arena without copying it to Swift.
  ///
  /// - Parameters:
  ///   - arena: not reset here, so that messages inside messages can share it.
  ///   - body: the C struct is valid until the arena is reset.
  /// - Throws: ``DecodingFailure``, or what `body` throws.
  public static func withDecoded<R>(
    _ bytes: UnsafeRawBufferPointer, in arena: Arena, rules: DecodingRules = .standard,
    _ body: (UnsafePointer<C>) throws -> R
  ) throws -> R {
    try Scan.check(bytes, descriptor.pointer, rules)
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let message = arena.limited(to: rules.budget) {
      protobuf_c_message_unpack(descriptor.pointer, arena.allocator, bytes.count, start)
    }
    guard let message else {
      throw DecodingFailure("does not fit the message's fields, or needs more than \(rules.budget) bytes")
    }
    return try body(UnsafeRawPointer(message).assumingMemoryBound(to: C.self))
  }

  /// Encodes the message. Fields that are empty or zero are left out, a negative zero (libprotobuf-c) too.
  public func encoded() -> [UInt8] {
    let arena = Arena()
    return arena.message(self).withMemoryRebound(to: ProtobufCMessage.self, capacity: 1) { message in
      let count = protobuf_c_message_get_packed_size(message)
      return [UInt8](unsafeUninitializedCapacity: count) { output, written in
        // An empty message packs to nothing and an empty array has no memory to write to.
        written = count == 0 ? 0 : protobuf_c_message_pack(message, output.baseAddress)
      }
    }
  }
}

/// Where libprotobuf-c keeps what it knows of a message: constant data of the program, which is why it may be shared.
public struct MessageDescriptor: @unchecked Sendable {
  let pointer: UnsafePointer<ProtobufCMessageDescriptor>
}

/// The descriptor that libprotobuf-c's init function of a message puts into it. Swift copies imported C constants, and a
/// descriptor must keep its address.
public func messageDescriptor<C>(_ initialize: (UnsafeMutablePointer<C>) -> Void) -> MessageDescriptor {
  withUnsafeTemporaryAllocation(of: C.self, capacity: 1) { room in
    guard let start = room.baseAddress else { preconditionFailure("a temporary allocation of one has an address") }
    initialize(start)
    return MessageDescriptor(
      pointer: UnsafeRawPointer(start).assumingMemoryBound(to: ProtobufCMessage.self).pointee.descriptor)
  }
}
