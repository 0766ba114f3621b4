import CMessages
import Glibc
import MessageRuntime
import Wire

/// The meta parts of frames, from and to the messages of `countersign/rpc/v1/frame.proto`.
enum Meta {
  /// `ErrorInfo.domain` of this library's and the service's reasons.
  private static let domain = "countersign"
  /// Most facts and violations of one status; receivers take 64 of each.
  private static let mostDetails = 32

  static func decodeHello(_ bytes: UnsafeRawBufferPointer) -> Hello? { try? Hello(decoding: bytes) }

  static func decodeGoAway(_ bytes: UnsafeRawBufferPointer) -> GoAway? { try? GoAway(decoding: bytes) }

  static func encodeHello(_ configuration: ConnectionConfiguration, isServer: Bool) -> [UInt8] {
    var hello = Hello()
    hello.maxLength = configuration.maxLength
    hello.maxOpenCalls = isServer ? configuration.maxOpenCalls : 0
    hello.minPingIntervalMs = configuration.minPingIntervalMilliseconds
    hello.program = configuration.program
    hello.serverTimeMs = isServer ? wallMilliseconds() : 0
    return hello.encoded()
  }

  static func encodeGoAway(lastStream: UInt32, _ reason: CloseReason) -> [UInt8] {
    var goAway = GoAway()
    goAway.lastStream = lastStream
    goAway.reason = reason.reason
    goAway.text = reason.text
    return goAway.encoded()
  }

  static func encodeRequestHeader(method: String, timeoutMicroseconds: UInt64, options: CallOptions) -> [UInt8] {
    var header = RequestHeader()
    header.method = method
    header.timeoutUs = timeoutMicroseconds
    header.metadata = options.metadata.map { Metadata($0) }
    header.traceparent = options.traceparent
    return header.encoded()
  }

  /// A header that has no timeout yet, with one: field 2, a varint.
  static func encodeRequestHeader(_ header: [UInt8], timeoutMicroseconds: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(header.count + 11)
    bytes += header
    bytes.append(0x10)
    var rest = timeoutMicroseconds
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
    return bytes
  }

  /// Facts and violations are left out where a status with them is too large for a frame's meta.
  static func encodeResponseHeader(_ status: RPCStatus) -> [UInt8] {
    let whole = responseHeader(status).encoded()
    guard whole.count > FrameLimits.maxMeta else { return whole }
    var short = status
    short.violations = []
    short.facts = [:]
    return responseHeader(short).encoded()
  }

  private static func responseHeader(_ status: RPCStatus) -> ResponseHeader {
    var header = ResponseHeader()
    header.code = status.code.rawValue
    header.text = beginning(of: status.text)
    if let reason = status.reason {
      var info = ErrorInfo()
      info.reason = beginning(of: reason)
      info.domain = domain
      for fact in status.facts.prefix(mostDetails) { info.metadata[fact.key] = fact.value }
      header.details.append(.init(.errorInfo(info)))
    }
    if let milliseconds = status.retryAfterMilliseconds {
      var info = RetryInfo()
      info.retryDelay = TimeSpan(milliseconds: milliseconds)
      header.details.append(.init(.retryInfo(info)))
    }
    if !status.violations.isEmpty {
      var info = BadRequest()
      info.fieldViolations = status.violations.prefix(mostDetails).map { violation in
        var message = BadRequest.FieldViolation()
        message.field = violation.field
        message.description = violation.description
        return message
      }
      header.details.append(.init(.badRequest(info)))
    }
    return header
  }

  /// At most `CallLimits.maxStatusText` bytes, without half a character at the end.
  private static func beginning(of text: String) -> String {
    guard text.utf8.count > CallLimits.maxStatusText else { return text }
    return String(text[..<text.utf8.index(text.startIndex, offsetBy: CallLimits.maxStatusText)])
  }

  /// - Returns: nil where the meta does not decode; a nil inside it is OK.
  static func decodeResponseHeader(_ bytes: UnsafeRawBufferPointer) -> RPCStatus?? {
    guard let header = try? ResponseHeader(decoding: bytes) else { return nil }
    guard header.code != 0 else { return .some(nil) }
    var status = RPCStatus(StatusCode(rawValue: header.code) ?? .unknown, header.text)
    for detail in header.details {
      switch detail.detail {
      case .errorInfo(let info):
        status.reason = info.reason
        status.facts = info.metadata
      case .retryInfo(let info): status.retryAfterMilliseconds = info.retryDelay?.milliseconds
      case .badRequest(let info):
        status.violations = info.fieldViolations.map { .init(field: $0.field, description: $0.description) }
      case nil: break
      }
    }
    return status
  }

  private static func wallMilliseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
  }
}

extension StatusDetail {
  fileprivate init(_ detail: Detail) {
    self.init()
    self.detail = detail
  }
}

extension TimeSpan {
  fileprivate init(milliseconds: UInt64) {
    self.init()
    seconds = Int64(milliseconds / 1_000)
    nanos = Int32(milliseconds % 1_000) * 1_000_000
  }

  /// Rounded up; 0 where the peer sent a negative one.
  fileprivate var milliseconds: UInt64 {
    guard seconds >= 0, nanos >= 0 else { return 0 }
    return UInt64(seconds).multipliedReportingOverflow(by: 1_000).partialValue &+ (UInt64(nanos) + 999_999) / 1_000_000
  }
}

extension Metadata {
  fileprivate init(_ entry: MetadataEntry) {
    self.init()
    key = entry.key
    value = entry.value
  }
}

/// Reads request headers of one event loop in memory that is used again and again.
final class RequestHeaderReader {
  struct Header {
    /// Place in the index; nil where the path is unknown.
    var method: Int?
    var timeoutNanoseconds: UInt64
    var metadata: [MetadataEntry]
    var traceparent: String
  }

  /// Longest meta that is remembered, bytes.
  private static let largestRemembered = 256

  private let arena = Arena(capacity: 2_048)
  /// The last meta that was decoded, and what it says: calls of one kind repeat it byte for byte.
  private var remembered: (bytes: [UInt8], header: Header)?

  /// - Returns: nil where the meta does not decode or a metadata key is illegal.
  func read(_ bytes: UnsafeRawBufferPointer, in methods: MethodIndex) -> Header? {
    if let remembered, bytes.elementsEqual(to: remembered.bytes) { return remembered.header }
    let header = decode(bytes, in: methods)
    if let header, bytes.count <= Self.largestRemembered { remembered = (Array(bytes), header) }
    return header
  }

  private func decode(_ bytes: UnsafeRawBufferPointer, in methods: MethodIndex) -> Header? {
    defer { arena.reset() }
    let header = try? RequestHeader.withDecoded(bytes, in: arena) { header in
      let path = header.pointee.method
      let timeout = header.pointee.timeout_us
      return Header(
        method: methods.find(UnsafeRawBufferPointer(start: path, count: path.map { strlen($0) } ?? 0)),
        timeoutNanoseconds: min(
          timeout == 0 ? CallLimits.defaultTimeoutMicroseconds : timeout, CallLimits.maxTimeoutMicroseconds) * 1_000,
        metadata: (0..<header.pointee.n_metadata).compactMap { index in
          header.pointee.metadata[index].map {
            MetadataEntry(key: String(decoded: $0.pointee.key), value: [UInt8](decoded: $0.pointee.value))
          }
        }, traceparent: String(decoded: header.pointee.traceparent))
    }
    return header.flatMap { $0.metadata.allSatisfy(\.isKeyLegal) ? $0 : nil }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func elementsEqual(to other: [UInt8]) -> Bool {
    guard count == other.count, let baseAddress else { return count == other.count }
    return other.withUnsafeBytes { memcmp(baseAddress, $0.baseAddress!, count) == 0 }
  }
}
