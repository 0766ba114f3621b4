/// Names that Swift, or protoc-gen-c's C, cannot have.
enum NameCases {
  typealias Refused = RefusalTests.Refused

  static let refused = taken + words + empty + clashesInSwift + clashesInC

  private static let taken = [
    Refused(
      "message with a name of Swift", "message String {}",
      "test.proto:3: String is the name of a type that generated code uses; choose another name"),
    Refused(
      "nested enum with a name of Swift", "message A {\n  enum Int32 {\n    ZERO = 0;\n  }\n}",
      "test.proto:4: Int32 is the name of a type that generated code uses; choose another name"),
    Refused(
      "message with a name of the runtime", "message C {}",
      "test.proto:3: C is the name of a type that generated code uses; choose another name"),
    Refused(
      "enum with the name of an associated type", "enum RawValue {\n  ZERO = 0;\n}",
      "test.proto:3: RawValue is the name of a type that generated code uses; choose another name"),
    Refused(
      "field of a type with a name of Swift",
      "import \"google/protobuf/any.proto\";\nmessage A {\n  google.protobuf.Any any = 1;\n}",
      "test.proto:5: google.protobuf.Any cannot be used: Any is the name of a type that generated code uses"),
    Refused(
      "field with the name of a function", "message A {\n  int32 message_descriptor = 1;\n}",
      "test.proto:4: field A.message_descriptor has the name of a function that generated code uses"),
  ]

  private static let words =
    ["restrict", "typeof", "unix", "linux", "static_assert", "nullptr", "__asm__"].map {
      Refused(
        "field \($0)", "message A {\n  int32 \($0) = 1;\n}",
        "test.proto:4: field A.\($0) is named like a word of C, which protoc-gen-c does not escape")
    }
    + ["Register", "Continue", "Unix"].map {
      Refused(
        "method \($0)", "message A {}\nservice S {\n  rpc \($0)(A) returns (A);\n}",
        "test.proto:5: method S.\($0) is named like a word of C, which protoc-gen-c does not escape")
    }

  private static let empty = [
    Refused("field _", "message A {\n  int32 _ = 1;\n}", "test.proto:4: field A._ leaves no name for Swift"),
    Refused(
      "oneof _", "message A {\n  oneof _ {\n    int32 a = 1;\n  }\n}",
      "test.proto:4: oneof A._ leaves no name for Swift"),
    Refused("message _", "message _ {}", "test.proto:3: _ has no letter that a name in Swift could begin with"),
    Refused("message _1", "message _1 {}", "test.proto:3: _1 has no letter that a name in Swift could begin with"),
    Refused(
      "enum value of a prefix only", "enum Foo {\n  FOO_ = 0;\n}",
      "test.proto:4: value FOO_ of enum Foo leaves no name for Swift"),
    Refused("service _", "service _ {}", "test.proto:3: _ has no letter that a name in Swift could begin with"),
    Refused(
      "method _", "message A {}\nservice S {\n  rpc _(A) returns (A);\n}",
      "test.proto:5: method S._ leaves no name for Swift"),
  ]

  private static let clashesInSwift = [
    Refused(
      "fields", "message A {\n  int32 init = 1;\n  int32 init_value = 2;\n}",
      "test.proto:5: init_value and init of message A are both initValue in Swift"),
    Refused(
      "nested messages", "message A {\n  message foo_bar {}\n  enum FooBar {\n    B = 0;\n  }\n}",
      "test.proto:5: FooBar and foo_bar of message A are both FooBar in Swift"),
    Refused(
      "enum values", "enum Foo {\n  FOO_INIT = 0;\n  FOO_INIT_VALUE = 1;\n}",
      "test.proto:5: FOO_INIT_VALUE and FOO_INIT of enum Foo are both initValue in Swift"),
    Refused(
      "messages", "message foo_bar {}\nmessage FooBar {}",
      "test.proto:4: test.v1.FooBar and test.v1.foo_bar are both FooBar in Swift"),
    Refused(
      "message and client", "message EchoClient {}\nservice Echo {\n  rpc Say(EchoClient) returns (EchoClient);\n}",
      "test.proto:4: what is made of test.v1.Echo and test.v1.EchoClient are both EchoClient in Swift"),
    Refused(
      "type of another package",
      "import \"google/protobuf/empty.proto\";\nmessage Empty {\n  google.protobuf.Empty empty = 1;\n}",
      "test.proto:5: google.protobuf.Empty and test.v1.Empty are both Empty in Swift"),
    Refused(
      "methods", "message A {}\nservice S {\n  rpc Say(A) returns (A);\n  rpc say(A) returns (A);\n}",
      "test.proto:6: say and Say of service S are both say in Swift"),
  ]

  private static let clashesInC = [
    Refused(
      "field base", "message A {\n  int32 base = 1;\n}",
      "test.proto:4: base and protoc-gen-c's own member of message A are both base in C"),
    Refused(
      "count", "message A {\n  repeated int32 foo = 1;\n  int32 n_foo = 2;\n}",
      "test.proto:4: the count of foo and n_foo of message A are both n_foo in C"),
    Refused(
      "case", "message A {\n  int32 foo_case = 1;\n  oneof foo {\n    int32 a = 2;\n  }\n}",
      "test.proto:5: the case of foo and foo_case of message A are both foo_case in C"),
    Refused(
      "type of a case", "message A {\n  message FooCase {}\n  oneof foo {\n    int32 a = 1;\n  }\n}",
      "test.proto:4: test.v1.A.FooCase and test.v1.A.foo are both Test__V1__A__FooCase in C"),
    Refused(
      "constant of a case", "message A {\n  enum Foo {\n    NOT_SET = 0;\n  }\n  oneof foo {\n    int32 a = 1;\n  }\n}",
      "test.proto:5: test.v1.A.Foo.NOT_SET and test.v1.A.foo are both TEST__V1__A__FOO__NOT_SET in C"),
    Refused(
      "methods", "message A {}\nservice S {\n  rpc GetIt(A) returns (A);\n  rpc get_it(A) returns (A);\n}",
      "test.proto:6: get_it and GetIt of service S are both get_it in C"),
    Refused(
      "method and descriptor", "message A {}\nservice S {\n  rpc Descriptor(A) returns (A);\n}",
      "test.proto:5: test.v1.S.Descriptor and test.v1.S are both test__v1__s__descriptor in C"),
    Refused(
      "method and init", "message A {}\nservice S {\n  rpc Init(A) returns (A);\n}",
      "test.proto:5: test.v1.S.Init and test.v1.S are both test__v1__s__init in C"),
  ]
}
