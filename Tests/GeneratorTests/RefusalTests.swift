import Testing

/// What the generator does not cover is refused with file, line and reason, and nothing is written.
@Suite struct RefusalTests {
  struct Refused: Sendable, CustomTestStringConvertible {
    let name: String
    let proto: String
    let error: String
    var testDescription: String { name }

    /// - Parameter proto: what follows the lines `syntax`, `package`.
    init(_ name: String, _ proto: String, _ error: String) {
      self.init(name, whole: "syntax = \"proto3\";\npackage test.v1;\n" + proto, error)
    }

    init(_ name: String, whole: String, _ error: String) {
      self.name = name
      proto = whole
      self.error = error
    }
  }

  static let stream = "only methods with one request and one reply are supported"

  static let unsupported: [Refused] = [
    Refused(
      "optional", "message A {\n  optional int32 b = 1;\n}",
      "test.proto:4: field A.b is optional, which protoc-gen-c 1.4 refuses; use a message or a oneof of one field"),
    Refused(
      "optional inside", "message A {\n  message B {\n    optional string c = 1;\n  }\n}",
      "test.proto:5: field B.c is optional, which protoc-gen-c 1.4 refuses; use a message or a oneof of one field"),
    Refused(
      "stream of requests", "message A {}\nservice S {\n  rpc Put(stream A) returns (A);\n}",
      "test.proto:5: method S.Put streams; \(stream)"),
    Refused(
      "stream of replies", "message A {}\nservice S {\n  rpc One(A) returns (A);\n  rpc Get(A) returns (stream A);\n}",
      "test.proto:6: method S.Get streams; \(stream)"),
    Refused(
      "proto2", whole: "// A comment.\nsyntax = \"proto2\";\nmessage A {\n  required int32 b = 1;\n}",
      "test.proto:2: syntax \"proto2\" is not supported; write syntax = \"proto3\""),
    Refused(
      "no syntax", whole: "message A {\n  optional group B = 1 {\n  }\n}",
      "test.proto:1: syntax \"proto2\" is not supported; write syntax = \"proto3\""),
    Refused(
      "extension",
      "import \"google/protobuf/descriptor.proto\";\nextend google.protobuf.FieldOptions {\n  string note = 50001;\n}",
      "test.proto:4: extensions are not supported"),
    Refused(
      "no package", whole: "syntax = \"proto3\";\nmessage A {}",
      "test.proto:1: there is no package, so that types of C and of Swift have the same names"),
    Refused(
      "package without letters", whole: "syntax = \"proto3\";\npackage a._1;\nmessage A {}",
      "test.proto:2: _1 of package a._1 has no letter that a name in C could begin with"),
    Refused(
      "no names of fields", "option optimize_for = CODE_SIZE;\nmessage A {}",
      "test.proto:3: optimize_for = CODE_SIZE leaves out the names of fields, which a refused message needs"),
    Refused(
      "option of protobuf-c for a file",
      "import \"protobuf-c/protobuf-c.proto\";\noption (pb_c_file).c_package = \"x\";\nmessage A {}",
      "test.proto:4: options of protobuf-c.proto are not supported"),
    Refused(
      "option of protobuf-c for a message",
      "import \"protobuf-c/protobuf-c.proto\";\nmessage A {\n  option (pb_c_msg).base_field_name = \"x\";\n}",
      "test.proto:4: options of protobuf-c.proto are not supported"),
    Refused(
      "option of protobuf-c for a field",
      "import \"protobuf-c/protobuf-c.proto\";\nmessage A {\n  string b = 1 [(pb_c_field).string_as_bytes = true];\n}",
      "test.proto:5: field A.b has options of protobuf-c.proto, which are not supported"),
    Refused(
      "too many fields", "message A {\n\((1...257).map { "  int32 a\($0) = \($0);\n" }.joined())}",
      "test.proto:3: 257 fields of message A can be set at once; 256 are decoded"),
  ]

  @Test(arguments: unsupported) func unsupportedIsRefused(_ refused: Refused) throws { try check(refused) }

  @Test(arguments: NameCases.refused) func nameIsRefused(_ refused: Refused) throws { try check(refused) }

  private func check(_ refused: Refused) throws {
    let result = try Protoc().run(refused.proto)
    #expect(!result.isGood)
    #expect(result.errors.contains(refused.error), "\(result.errors)")
    #expect(result.generated.isEmpty)
  }

  @Test func everyRefusalOfAFileIsTold() throws {
    let result = try Protoc().run(
      "syntax = \"proto3\"; package test.v1;\nmessage A {\n  optional int32 b = 1;\n}\nservice S {\n  rpc M(stream A) returns (A);\n}"
    )
    #expect(result.errors.contains("test.proto:3: "))
    #expect(result.errors.contains("test.proto:6: "))
  }

  @Test func typesOfOneNameInTwoPackagesAreRefused() throws {
    let protoc = try Protoc()
    try protoc.write("syntax = \"proto3\";\npackage other.v1;\nmessage A {}", to: "other.proto")
    let result = try protoc.run("syntax = \"proto3\";\npackage test.v1;\nmessage A {}", beside: ["other.proto"])
    #expect(result.errors.contains("test.proto:3: test.v1.A and other.v1.A are both A in Swift"), "\(result.errors)")
    #expect(result.generated.isEmpty)
  }

  @Test func filesOfOneNameAreRefused() throws {
    let protoc = try Protoc()
    try protoc.write("syntax = \"proto3\";\npackage other.v1;\nmessage B {}", to: "inner/test.proto")
    let result = try protoc.run("syntax = \"proto3\";\npackage test.v1;\nmessage A {}", beside: ["inner/test.proto"])
    #expect(
      result.errors.contains(
        "test.proto:1: inner/test.proto has the same file name, which Swift does not take twice in one module"),
      "\(result.errors)")
  }

  static let parameters = [
    ("colour=red", "parameter \"colour=red\" is not known"),
    ("visibility=secret", "parameter \"visibility=secret\" is not known"),
    ("services=client", "parameter \"services=client\" is not known"),
    ("c_module=", "parameter \"c_module=\" is not known"),
    ("in_loop=test.v1.S.Nothing", "parameter in_loop: no method test.v1.S.Nothing is generated"),
    ("in_loop=other.v1.T.M", "parameter in_loop: no method other.v1.T.M is generated"),
    ("services=none,in_loop=test.v1.S.M", "parameter in_loop: no method test.v1.S.M is generated"),
  ]

  @Test(arguments: parameters) func unknownParameterIsRefused(_ parameter: String, _ error: String) throws {
    let result = try Protoc().run(
      "syntax = \"proto3\";\npackage test.v1;\nmessage A {}\nservice S {\n  rpc M(A) returns (A);\n}",
      options: parameter)
    #expect(!result.isGood)
    #expect(result.errors.contains(error), "\(result.errors)")
  }

  @Test func inputThatIsNoRequestIsRefused() throws {
    let result = try Protoc.run("sh", ["-c", "echo hello | '\(Protoc.plugin)'; echo status $?"])
    #expect(result.text.contains("standard input is no CodeGeneratorRequest; protoc runs this program"))
    #expect(result.text.contains("status 65"))
  }
}
