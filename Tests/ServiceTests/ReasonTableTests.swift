import CheckoutService
import Foundation
import Testing

/// The table of reasons that integrators read.
@Suite struct ReasonTableTests {
  @Test(arguments: RefusalReason.allCases) func theDocumentNamesTheReasonWithItsCode(_ reason: RefusalReason) throws {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: repository.appending(path: "proto/PROTOCOL.md"), encoding: .utf8)
    let table = try #require(text.components(separatedBy: "## Reasons of the service").last)
    #expect(table.contains("| `\(reason.rawValue)` | \(reason.code.name) |"))
  }
}
