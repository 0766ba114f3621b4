import CMessages
import Wire

#if canImport(Glibc)
  import Glibc
#endif

struct TinyWriter {
  var out: [UInt8] = []
  mutating func varint(_ value: UInt64) {
    var v = value
    while v >= 0x80 {
      out.append(UInt8(v & 0x7f) | 0x80)
      v >>= 7
    }
    out.append(UInt8(v))
  }
  mutating func number(_ field: UInt64, _ value: UInt64) {
    if value != 0 {
      varint(field << 3)
      varint(value)
    }
  }
  mutating func bytes(_ field: UInt64, _ value: [UInt8], always: Bool = false) {
    if value.isEmpty && !always { return }
    varint(field << 3 | 2)
    varint(UInt64(value.count))
    out += value
  }
  mutating func text(_ field: UInt64, _ value: String) { bytes(field, Array(value.utf8)) }
}

struct Hello {
  var maxLength: UInt32 = 0, maxOpenCalls: UInt32 = 0, minPingIntervalMs: UInt32 = 0, program = "",
    serverTimeMs: UInt64 = 0
}
struct GoAway { var lastStream: UInt32 = 0, reason = "", text = "" }
struct DecodingFailure: Error {}

func withUnpacked<C, R>(
  _ descriptor: ProtobufCMessageDescriptor, _ bytes: UnsafeRawBufferPointer, _: C.Type,
  _ body: (UnsafePointer<C>) -> R
) -> R? {
  withUnsafePointer(to: descriptor) { d in
    guard
      let m = protobuf_c_message_unpack(d, nil, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    else { return nil }
    defer { protobuf_c_message_free_unpacked(m, nil) }
    return body(UnsafeRawPointer(m).assumingMemoryBound(to: C.self))
  }
}

enum Meta {
  static func decodeHello(_ bytes: UnsafeRawBufferPointer) -> Hello? {
    withUnpacked(countersign__rpc__v1__hello__descriptor, bytes, Countersign__Rpc__V1__Hello.self) { c in
      Hello(
        maxLength: c.pointee.max_length, maxOpenCalls: c.pointee.max_open_calls,
        minPingIntervalMs: c.pointee.min_ping_interval_ms, program: String(cString: c.pointee.program),
        serverTimeMs: c.pointee.server_time_ms)
    }
  }
  static func encodeHello(_ c: ConnectionConfiguration, isServer: Bool) -> [UInt8] {
    var w = TinyWriter()
    w.number(1, UInt64(c.maxLength))
    w.number(2, isServer ? UInt64(c.maxOpenCalls) : 0)
    w.number(3, UInt64(c.minPingIntervalMilliseconds))
    w.text(4, c.program)
    if isServer {
      var t = timespec()
      clock_gettime(CLOCK_REALTIME, &t)
      w.number(5, UInt64(t.tv_sec) * 1000 + UInt64(t.tv_nsec) / 1_000_000)
    }
    return w.out
  }
  static func encodeGoAway(lastStream: UInt32, _ reason: CloseReason) -> [UInt8] {
    var w = TinyWriter()
    w.number(1, UInt64(lastStream))
    w.text(2, reason.reason)
    w.text(3, reason.text)
    return w.out
  }
  static func decodeGoAway(_ bytes: UnsafeRawBufferPointer) -> GoAway? {
    withUnpacked(countersign__rpc__v1__go_away__descriptor, bytes, Countersign__Rpc__V1__GoAway.self) { c in
      GoAway(
        lastStream: c.pointee.last_stream, reason: String(cString: c.pointee.reason),
        text: String(cString: c.pointee.text))
    }
  }
  static func encodeResponseHeader(_ s: RPCStatus) -> [UInt8] {
    var w = TinyWriter()
    w.number(1, UInt64(s.code.rawValue))
    w.text(2, s.text)
    if let r = s.reason {
      var e = TinyWriter()
      e.text(1, r)
      e.text(2, "countersign")
      var d = TinyWriter()
      d.bytes(1, e.out)
      w.bytes(3, d.out)
    }
    return w.out
  }
  static func decodeResponseHeader(_ bytes: UnsafeRawBufferPointer) -> RPCStatus?? {
    withUnpacked(countersign__rpc__v1__response_header__descriptor, bytes, Countersign__Rpc__V1__ResponseHeader.self) {
      c in
      if c.pointee.code == 0 { return nil }
      var s = RPCStatus(StatusCode(rawValue: c.pointee.code) ?? .unknown, String(cString: c.pointee.text))
      for i in 0..<c.pointee.n_details {
        if let d = c.pointee.details[i], let e = d.pointee.error_info { s.reason = String(cString: e.pointee.reason) }
      }
      return s
    }
  }
  static func encodeRequestHeader(method: String, timeoutMicroseconds: UInt64, options: CallOptions) -> [UInt8] {
    var w = TinyWriter()
    w.text(1, method)
    w.number(2, timeoutMicroseconds)
    for m in options.metadata {
      var e = TinyWriter()
      e.text(1, m.key)
      e.bytes(2, m.value)
      w.bytes(3, e.out)
    }
    w.text(4, options.traceparent)
    return w.out
  }
}

final class RequestHeaderReader {
  struct Header {
    var method: Int?
    var timeoutNanoseconds: UInt64
    var metadata: [MetadataEntry]
    var traceparent: String
  }
  func read(_ bytes: UnsafeRawBufferPointer, in methods: MethodIndex) -> Header? {
    withUnpacked(countersign__rpc__v1__request_header__descriptor, bytes, Countersign__Rpc__V1__RequestHeader.self) {
      c in
      let length = strlen(c.pointee.method)
      let t = c.pointee.timeout_us
      return Header(
        method: methods.find(UnsafeRawBufferPointer(start: c.pointee.method, count: length)),
        timeoutNanoseconds: min(
          t == 0 ? CallLimits.defaultTimeoutMicroseconds : t, CallLimits.maxTimeoutMicroseconds) * 1000, metadata: [],
        traceparent: "")
    }
  }
}

struct HealthCheckRequest {
  var service: String
  init(decoding b: UnsafeRawBufferPointer) throws {
    guard
      let s = withUnpacked(
        countersign__rpc__v1__health_check_request__descriptor, b, Countersign__Rpc__V1__HealthCheckRequest.self,
        { String(cString: $0.pointee.service) })
    else { throw DecodingFailure() }
    service = s
  }
}
struct HealthCheckReply {
  enum S: UInt64 {
    case serving = 1
    case notServing = 2
  }
  var status = S.serving
  func encoded() -> [UInt8] {
    var w = TinyWriter()
    w.number(1, status.rawValue)
    return w.out
  }
}
