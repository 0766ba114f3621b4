import Bytes
import Foundation
import Seals
import TestPrograms
import Testing

/// Every input of a signature, and what single-shot seals authenticate, against `Tests/Vectors/seals/inputs.json`, which
/// an independent program made.
@Suite struct SigningInputTests {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let label: String
    let fields: [String]
    let input: String
    var testDescription: String { label }

    func bytes(_ index: Int) throws -> [UInt8] { try #require(Hex.decode(fields[index])) }
    func digest(_ index: Int) throws -> Bytes32 { try #require(Bytes32(bytes(index))) }
  }

  static let cases: [Case] = {
    guard let data = try? Data(contentsOf: URL(filePath: Repository.path("Tests/Vectors/seals/inputs.json"))),
      let parsed = try? JSONDecoder().decode([String: [Case]].self, from: data)
    else { return [] }
    return parsed["cases"] ?? []
  }()

  @Test func everyLabelHasACase() { #expect(Self.cases.count == 11) }

  @Test(arguments: cases) func theInputIsWhatAnIndependentProgramMade(_ vector: Case) throws {
    #expect(Hex.encode(try Self.input(vector)) == vector.input)
  }

  private static func input(_ vector: Case) throws -> [UInt8] {
    switch vector.label {
    case "countersign/1 statement": SigningInput.statement(try vector.bytes(0))
    case "countersign/1 countersignature":
      SigningInput.countersignature(
        statement: try vector.bytes(0), signature: try vector.bytes(1), companyLeaf: try vector.digest(2))
    case "countersign/1 renewal": SigningInput.renewal(try vector.bytes(0))
    case "countersign/1 outside enrolment":
      SigningInput.outsideEnrolment(
        token: try vector.bytes(0), leaf: try vector.digest(1), macAddress: try vector.bytes(2))
    case "countersign/1 sealing": SigningInput.sealingKey(try vector.bytes(0))
    case "countersign/1 profile": SigningInput.profile(try vector.bytes(0))
    case "countersign/1 pinned root": SigningInput.pinnedRoot(try vector.digest(0))
    case "countersign/1 bundle": SigningInput.bundle(try vector.bytes(0))
    case "countersign/1 renewal seal": RenewalSeal.associatedData
    case "countersign/1 enrolment": EnrolmentSeal.associatedData
    case "countersign/1 gateway enrolment": EnrolmentSeal.gatewayAssociatedData
    default: throw CocoaError(.coderInvalidValue)
    }
  }
}
