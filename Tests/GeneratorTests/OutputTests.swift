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
      "syntax = \"proto3\";\npackage test.v1;\nimport \"other.proto\";\n"
        + "message Near {\n  other.v1.Far.Away away = 1;\n}")
    #expect(result.generated.contains("public var away: Far.Away?"))
    #expect(!result.generated.contains("struct Far"))
  }

  /// What ends a line, in Unicode or in Swift.
  static let lineEnds = ["\n", "\r\n", "\r", "\u{B}", "\u{C}", "\u{85}", "\u{2028}", "\u{2029}"]

  @Test(arguments: lineEnds) func nothingLeavesAComment(_ end: String) throws {
    let result = try Protoc().run(
      "syntax = \"proto3\";\npackage test.v1;\n/* First.\(end)public struct Injected {}*/\nmessage A {}")
    #expect(
      result.generated.contains("/// First.\n/// public struct Injected {}\npublic struct A: Message {"),
      "\(result.generated)")
  }

  @Test func fileWithLineEndsOfWindowsIsTheSame() throws {
    let windows = try Protoc().run(Self.proto.replacing("\n", with: "\r\n"))
    #expect(try windows.generated == Protoc().run(Self.proto).generated)
    #expect(windows.isGood)
  }

  @Test func nestedTypeKeepsItsNameWhereTheHiddenOneIsNotUsed() throws {
    let result = try Protoc().run(
      "syntax = \"proto3\";\npackage test.v1;\nmessage State {}\nmessage A {\n  enum State {\n    NONE = 0;\n  }\n"
        + "  State state = 1;\n}")
    #expect(result.generated.contains("public var state: A.State = A.State(rawValue: 0)"))
  }

  @Test func methodNamedLikeWhatGeneratedCodeUsesIsCalled() throws {
    let result = try Protoc().run(
      "syntax = \"proto3\";\npackage test.v1;\nmessage A {}\nservice S {\n  rpc Methods(A) returns (A);\n"
        + "  rpc await(A) returns (A);\n}")
    #expect(result.generated.contains("try await self.methods(A(request: $0), context: $1).encoded()"))
    #expect(result.generated.contains("try await `await`(A(request: $0), context: $1).encoded()"))
  }
}
