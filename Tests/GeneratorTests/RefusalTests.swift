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

  static let refused: [Refused] = [
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
      "message with a name of Swift", "message String {}",
      "test.proto:3: the generated code needs Swift's own String; choose another name"),
    Refused(
      "nested enum with a name of Swift", "message A {\n  enum Int32 {\n    ZERO = 0;\n  }\n}",
      "test.proto:4: the generated code needs Swift's own Int32; choose another name"),
    Refused(
      "oneof and message of one name",
      "message A {\n  message Answer {}\n  oneof answer {\n    Answer yes = 1;\n  }\n}",
      "test.proto:5: answer and Answer of message A are both Answer in Swift"),
    Refused(
      "field named base", "message A {\n  int32 base = 1;\n}",
      "test.proto:4: field A.base has the name of a member that protoc-gen-c adds"),
  ]

  @Test(arguments: refused) func isRefusedWithFileLineAndReason(_ refused: Refused) throws {
    let result = try Protoc().run(refused.proto)
    #expect(!result.isGood)
    #expect(result.errors.contains(refused.error), "\(result.errors)")
    #expect(result.generated.isEmpty)
  }

  @Test func everyRefusalOfAFileIsTold() throws {
    let result = try Protoc().run(
      "syntax = \"proto3\";\nmessage A {\n  optional int32 b = 1;\n}\nservice S {\n  rpc M(stream A) returns (A);\n}")
    #expect(result.errors.contains("test.proto:3: "))
    #expect(result.errors.contains("test.proto:6: "))
  }

  static let parameters = [
    ("colour=red", "parameter \"colour=red\" is not known"),
    ("visibility=secret", "parameter \"visibility=secret\" is not known"),
    ("services=client", "parameter \"services=client\" is not known"),
    ("c_module=", "parameter \"c_module=\" is not known"),
    ("in_loop=test.v1.S.Nothing", "parameter in_loop: there is no method test.v1.S.Nothing"),
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
