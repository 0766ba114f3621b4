/// Parameters of the plugin, as `--countersign-swift_opt` gives them, separated by commas.
struct Options {
  /// Module that holds protoc-gen-c's output.
  var cModule = "CMessages"
  /// Modules with generated messages of imported files.
  var imports: [String] = []
  /// Visibility of what is generated.
  var isPublic = true
  /// Whether service protocols and clients are generated.
  var hasServices = true
  /// Full names of methods that the server handles on its event loops; left out of the service protocol.
  var inLoop: Set<String> = []

  /// - Throws: ``Refusal`` that names the parameter.
  init(_ parameter: String) throws(Refusal) {
    for part in parameter.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      let value = pair.count == 2 ? pair[1] : ""
      switch (pair[0], value) {
      case ("c_module", let name) where !name.isEmpty: cModule = name
      case ("import", let name) where !name.isEmpty: imports.append(name)
      case ("visibility", "public"): isPublic = true
      case ("visibility", "internal"): isPublic = false
      case ("services", "server+client"): hasServices = true
      case ("services", "none"): hasServices = false
      case ("in_loop", let name) where !name.isEmpty: inLoop.insert(name)
      default:
        throw Refusal(
          "parameter \"\(part)\" is not known; there are c_module=NAME, import=NAME, visibility=public|internal, "
            + "services=server+client|none, in_loop=PACKAGE.SERVICE.METHOD")
      }
    }
  }
}

/// Why nothing is generated.
struct Refusal: Error {
  let text: String

  init(_ text: String) { self.text = text }

  init(_ file: ProtoFile, _ path: ElementPath, _ reason: String) {
    text = "\(file.name):\(file.locations.line(path)): \(reason)"
  }
}
