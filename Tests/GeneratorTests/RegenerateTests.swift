import TestPrograms
import Testing

/// The committed files are what the generator makes today.
@Suite(.timeLimit(.minutes(5))) struct RegenerateTests {
  @Test func generatingAgainChangesNothing() throws {
    let result = try Protoc.run(
      Repository.path("Scripts/generate"), ["--check"], environment: ["PLUGIN": Protoc.plugin])
    #expect(result.isGood, "\(result.text)")
  }

  @Test func generatedFilesAreAsTheFormatterWantsThem() throws {
    let folders = ["Sources/Messages", "Sources/RPC/Generated", "Tests/MessageRuntimeTests/Generated"]
    let result = try Protoc.run(
      "swift",
      ["format", "lint", "--strict", "--recursive", "--configuration", Repository.path(".swift-format")]
        + folders.map(Repository.path))
    #expect(result.isGood, "\(result.text)")
  }
}
