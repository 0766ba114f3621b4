import CheckoutService
import Foundation
import Gateway
import TestPrograms
import Testing

/// The table of reasons that integrators read.
@Suite struct ReasonTableTests {
  @Test(arguments: RefusalReason.allCases) func theDocumentNamesTheReasonWithItsCode(_ reason: RefusalReason) throws {
    let table = try #require(try Self.text.components(separatedBy: "## Gateways").first)
    #expect(table.contains("| `\(reason.rawValue)` | \(reason.code.name) |"))
  }

  @Test(arguments: GatewayReason.allCases) func theDocumentNamesTheGatewaysReason(_ reason: GatewayReason) throws {
    let table = try #require(try Self.text.components(separatedBy: "Reasons that a gateway gives by itself").last)
    #expect(table.contains("| `\(reason.rawValue)` | \(reason.code.name) |"))
  }

  private static var text: String {
    get throws {
      let text = try String(contentsOfFile: Repository.path("proto/PROTOCOL.md"), encoding: .utf8)
      return try #require(text.components(separatedBy: "## Reasons of the service").last)
    }
  }
}
