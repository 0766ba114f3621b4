import Wire

/// What generated client stubs call: one request, one reply.
public protocol UnaryCaller: Sendable {
  /// Calls `method` with a serialized request and returns the serialized reply.
  ///
  /// - Throws: the server's status, or the client's own where no answer came (see `RPCStatus.wasSent`).
  func call(_ method: String, _ request: [UInt8], options: CallOptions) async throws(RPCStatus) -> [UInt8]
}

/// How one call is to be made.
public struct CallOptions: Sendable, Equatable {
  /// Time for the whole call, waiting and repeats included, in microseconds; nil: the client's default.
  public var timeoutMicroseconds: UInt64?
  /// Application metadata, at most 64 entries.
  public var metadata: [MetadataEntry]
  /// W3C trace context, 55 ASCII characters, or empty.
  public var traceparent: String
  /// The request is sealed for one attempt, so the client never repeats it.
  public var isSealed: Bool

  /// Makes options.
  public init(
    timeoutMicroseconds: UInt64? = nil, metadata: [MetadataEntry] = [], traceparent: String = "",
    isSealed: Bool = false
  ) {
    self.timeoutMicroseconds = timeoutMicroseconds
    self.metadata = metadata
    self.traceparent = traceparent
    self.isSealed = isSealed
  }

  /// Refuses what a server would end the connection for.
  func check() throws(RPCStatus) {
    guard metadata.count <= CallLimits.maxMetadata, metadata.allSatisfy(\.isKeyLegal) else {
      var status = RPCStatus.invalidField(
        "metadata", "at most \(CallLimits.maxMetadata) entries with keys of a-z, 0-9, '-', '_' and '.'")
      status.wasSent = false
      throw status
    }
  }

  /// The client's default time, no metadata, repeated where that is safe.
  public static let standard = CallOptions()
}
