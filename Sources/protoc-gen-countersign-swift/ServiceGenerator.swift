/// Writes a service: method paths, the protocol that a server implements, and the client.
struct ServiceGenerator {
  let service: ProtoService
  let types: TypeTable
  let locations: Locations
  let access: String
  let inLoop: Set<String>

  private var name: String { SwiftNames.type(service.name) }

  /// Types that are made of a service.
  static func typeNames(of service: ProtoService) -> [String] {
    ["Methods", "ServiceProtocol", "Client"].map { SwiftNames.type(service.name) + $0 }
  }

  func write(to writer: inout SwiftWriter) {
    writeMethods(to: &writer)
    writeProtocol(to: &writer)
    writeRegistration(to: &writer)
    writeClient(to: &writer)
  }

  private func writeMethods(to writer: inout SwiftWriter) {
    writer.line()
    writer.documentation(" Full paths of the methods of `\(service.fullName)`.")
    writer.block("\(access)enum \(name)Methods") { writer in
      for method in service.methods {
        writer.documentation(locations.comment(method.path))
        writer.line("\(access)static let \(SwiftNames.method(method.name)) = \"/\(service.fullName)/\(method.name)\"")
      }
    }
  }

  /// Methods that are handled one call at a time, in a task each.
  private var ordinary: [ProtoMethod] { service.methods.filter { !inLoop.contains("\(service.fullName).\($0.name)") } }

  private func writeProtocol(to writer: inout SwiftWriter) {
    writer.line()
    writer.documentation(locations.comment(service.path))
    writer.block("\(access)protocol \(name)ServiceProtocol: Sendable") { writer in
      for method in ordinary {
        writer.documentation(locations.comment(method.path))
        writer.line(
          "func \(SwiftNames.method(method.name))(_ request: \(types.swiftName(method.input)), context: ServerContext) "
            + "async throws -> \(types.swiftName(method.output))")
      }
    }
  }

  private func writeRegistration(to writer: inout SwiftWriter) {
    writer.line()
    writer.block("extension \(name)ServiceProtocol") { writer in
      writer.documentation(" Adds the methods to a server's table.")
      writer.block("\(access)func register(in methods: inout MethodTable)") { writer in
        for method in ordinary {
          let function = SwiftNames.method(method.name)
          writer.block("methods.add(\(name)Methods.\(function))") { writer in
            // The parameter hides a method of its name.
            let own = function == "methods" ? "self.methods" : function
            writer.line("try await \(own)(\(types.swiftName(method.input))(request: $0), context: $1).encoded()")
          }
        }
      }
    }
  }

  private func writeClient(to writer: inout SwiftWriter) {
    writer.line()
    writer.documentation(locations.comment(service.path))
    writer.block("\(access)struct \(name)Client: Sendable") { writer in
      writer.line("private let caller: any UnaryCaller")
      writer.line()
      writer.documentation(" Makes calls through `caller`.")
      writer.line("\(access)init(_ caller: any UnaryCaller) { self.caller = caller }")
      for method in service.methods {
        let function = SwiftNames.method(method.name)
        let output = types.swiftName(method.output)
        writer.line()
        writer.documentation(locations.comment(method.path))
        writer.block(
          "\(access)func \(function)(_ request: \(types.swiftName(method.input)), options: CallOptions = .standard) "
            + "async throws(RPCStatus) -> \(output)"
        ) { writer in
          writer.line(
            "try \(output)(reply: await caller.call(\(name)Methods.\(function), request.encoded(), options: options))")
        }
      }
    }
  }
}
