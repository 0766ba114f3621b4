import Testing

/// What the parameters change in the generated file.
@Suite struct OutputTests {
  static let proto = """
    syntax = "proto3";
    package test.v1;
    // Asks.
    message Ask {
      // First line.
      //
      // Third line, with <b> and `code`.
      string question_text = 1;
    }
    // Tells.
    message Tell {}
    // Serves.
    service Desk {
      // Answers at once.
      rpc Answer(Ask) returns (Tell);
      // Answers in the loop.
      rpc Quick(Ask) returns (Tell);
    }
    """

  @Test func commentsBecomeDocumentation() throws {
    let result = try Protoc().run(Self.proto)
    #expect(
      result.generated.contains(
        """
        /// Asks.
        public struct Ask: Message {
          /// First line.
          ///
          /// Third line, with <b> and `code`.
          public var questionText: String = ""
        """))
  }

  @Test func serviceProtocolNamesRequestsAndReplies() throws {
    let result = try Protoc().run(Self.proto)
    #expect(
      result.generated.contains("func answer(_ request: Ask, context: ServerContext) async throws -> Tell"))
    #expect(result.generated.contains("func register(in methods: inout MethodTable)"))
  }

  @Test func inLoopMethodIsInClientAndPathsOnly() throws {
    let result = try Protoc().run(Self.proto, options: "in_loop=test.v1.Desk.Quick")
    #expect(!result.generated.contains("func quick(_ request: Ask, context: ServerContext)"))
    #expect(!result.generated.contains("methods.add(DeskMethods.quick)"))
    #expect(result.generated.contains("static let quick = \"/test.v1.Desk/Quick\""))
    #expect(result.generated.contains("func quick(_ request: Ask, options: CallOptions = .standard)"))
  }

  @Test func internalFileHasNothingPublic() throws {
    let result = try Protoc().run(Self.proto, options: "visibility=internal")
    #expect(result.isGood)
    #expect(!result.generated.contains("public "))
  }

  @Test func fileWithoutServicesDoesNotNeedTheTransport() throws {
    let result = try Protoc().run(Self.proto, options: "services=none,c_module=CMine,import=Other")
    #expect(!result.generated.contains("Desk"))
    let imports = result.generated.split(separator: "\n").filter { $0.hasPrefix("import ") }
    #expect(imports == ["import CMine", "import MessageRuntime", "import Other"])
  }

  @Test func importedFileIsNamedButNotGenerated() throws {
    let protoc = try Protoc()
    try protoc.write("syntax = \"proto3\";\npackage other.v1;\nmessage Far {\n  message Away {}\n}", to: "other.proto")
    let result = try protoc.run(
      "syntax = \"proto3\";\nimport \"other.proto\";\nmessage Near {\n  other.v1.Far.Away away = 1;\n}")
    #expect(result.generated.contains("public var away: Far.Away?"))
    #expect(!result.generated.contains("struct Far"))
  }
}
