import MessageRuntime

extension Message {
  /// Decodes a request, for generated servers.
  ///
  /// - Throws: `INVALID_ARGUMENT` with reason `MESSAGE_INVALID` that names the field.
  public init(request bytes: [UInt8]) throws(RPCStatus) {
    do {
      try self.init(decoding: bytes)
    } catch {
      var status = RPCStatus.messageInvalid("\(error)")
      status.violations = [.init(field: error.field, description: error.reason)]
      throw status
    }
  }

  /// Decodes a reply, for generated clients.
  ///
  /// - Throws: `INTERNAL` with reason `REPLY_INVALID`: the server broke the protocol.
  public init(reply bytes: [UInt8]) throws(RPCStatus) {
    do {
      try self.init(decoding: bytes)
    } catch {
      throw RPCStatus(.internal, "the server's reply does not decode: \(error)", reason: "REPLY_INVALID")
    }
  }
}
