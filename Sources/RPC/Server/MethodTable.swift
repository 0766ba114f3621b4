/// The methods of a server, by full path. Filled by generated `register` functions before the server starts.
public struct MethodTable: Sendable {
  /// An ordinary method: serialized request in, serialized reply out.
  public typealias Handler = @Sendable (_ request: [UInt8], _ context: ServerContext) async throws -> [UInt8]

  enum Method: Sendable {
    case async(Handler)
    case inLoop(@Sendable (ServerLoop) -> any InLoopHandler)
  }

  private(set) var methods: [String: Method] = [:]

  /// Makes an empty table.
  public init() {}

  /// Adds an ordinary method. It throws `RPCStatus` for a refusal; `CancellationError` once its task is cancelled and
  /// nothing became durable; any other error is logged and told as `INTERNAL`.
  ///
  /// - Parameter path: for example "/countersign.v1.Checkout/Login"; each only once.
  public mutating func add(_ path: String, _ handler: @escaping Handler) {
    add(path, .async(handler))
  }

  /// Adds a method that runs on the event loops. `make` is called once for each loop, on it, when the server starts.
  public mutating func addInLoop(_ path: String, _ make: @escaping @Sendable (ServerLoop) -> any InLoopHandler) {
    add(path, .inLoop(make))
  }

  private mutating func add(_ path: String, _ method: Method) {
    precondition(path.utf8.first == UInt8(ascii: "/"), "a method path begins with a slash")
    precondition(methods.updateValue(method, forKey: path) == nil, "the method \(path) is registered twice")
  }
}
