import ArgumentParser
import Authority

/// Names on the command line, checked by the service's rule before a key is made for them.
enum NameArgument {
  /// - Throws: `ValidationError` that names the argument.
  static func check(_ name: String, _ argument: String) throws {
    if let fault = RegisteredName.fault(of: name) { throw ValidationError("\(argument) \(fault)") }
  }
}
