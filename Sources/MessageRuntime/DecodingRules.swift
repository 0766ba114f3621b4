/// What a serialized message may be, checked before libprotobuf-c sees it, which itself bounds nothing.
///
/// Source: proto/PROTOCOL.md, "Decoding rules".
public struct DecodingRules: Sendable, Equatable {
  /// Messages inside messages, the outermost counted.
  public var depth = 8
  /// Fields of one message, repeats counted.
  public var fields = 256
  /// Elements of one repeated field.
  public var repeats = 64
  /// Fields of one message that the receiver does not know.
  public var unknownFields = 16
  /// Bytes that the unpacked message may take.
  public var budget = 256 * 1_024
  /// Whether a field that is not repeated may come only once, and two fields of one oneof not together. A message that
  /// is not repeated may come only once in any case.
  public var isStrict = false

  public init() {}

  /// For requests and replies.
  public static let standard = DecodingRules()

  /// For what is signed or authenticated: one meaning only, so no unknown fields and nothing twice.
  public static let signed: DecodingRules = {
    var rules = DecodingRules()
    rules.unknownFields = 0
    rules.isStrict = true
    return rules
  }()
}

/// Why a message was not decoded. Holds no content of the message.
public struct DecodingFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// Path of the field as in the proto file, for example "sealing_key.chain"; empty for the message itself.
  public var field: String
  /// What was wrong.
  public var reason: String

  public init(_ reason: String, field: String = "") {
    self.reason = reason
    self.field = field
  }

  /// The same failure seen from the message around it.
  func inside(_ name: String) -> DecodingFailure {
    DecodingFailure(reason, field: field.isEmpty ? name : "\(name).\(field)")
  }

  public var description: String { field.isEmpty ? "the message \(reason)" : "\(field) \(reason)" }
}
