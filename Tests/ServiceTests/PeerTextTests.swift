import Testing

@testable import CheckoutService
@testable import CountersignClient
@testable import Gateway

/// Program and version that a peer names itself by are shown to operators.
@Suite struct PeerTextTests {
  static let bad = ["two\nlines", "\u{1B}[31mred", "\u{202E}desrever", String(repeating: "p", count: 65)]

  @Test(arguments: bad) func aTerminalThatNamesItselfWronglyCannotLogIn(_ program: String) async throws {
    try await TestService.withKim { _, kim in
      let terminal = try Terminal(folder: kim.folder, passphrase: TestService.passphrase, program: program)
      await expectRefusal("INVALID_FIELD", field: "statement.program_version") { _ = try await terminal.login() }
    }
  }

  @Test(arguments: bad) func aTerminalThatNamesItselfWronglyKeepsItsToken(_ program: String) async throws {
    try await TestService.withKim { service, _ in
      let token = try await service.addConsultant("Lee", company: "Acme").token
      let enrolment = TerminalEnrolment(
        folder: TerminalFolder("\(service.root)/lee"), host: "127.0.0.1", port: service.port, program: program)
      await expectRefusal("INVALID_FIELD", field: "program_version") {
        _ = try await enrolment.enrol(token: token, passphrase: TestService.passphrase, interface: .standard())
      }
      _ = try await service.enrol("lee", token: token, holding: nil)
    }
  }

  @Test func aGatewayThatNamesItselfWronglyIsNotEnrolled() async throws {
    try await TestService.withKim { service, _ in
      let token = try await TestGateway.register(service, "Acme", port: 1)
      let enrolment = GatewayEnrolment(
        folder: GatewayFolder("\(service.root)/gateway"), host: "127.0.0.1", port: service.port, program: "two\nlines")
      await expectRefusal("INVALID_FIELD", field: "program_version") {
        _ = try await enrolment.enrol(token: token, passphrase: TestService.passphrase)
      }
    }
  }

  @Test(arguments: ["", "desk/1.0", "콜센터 2.1", String(repeating: "p", count: 64)])
  func aProgramOfAtMost64BytesOnOneLineIsTaken(_ program: String) throws {
    #expect(try PeerText.program(program) == program)
  }

  @Test func aCauseIsKeptOnOneLineAndCut() {
    #expect(PeerText.cause("a\nb\u{1B}[31m") == "a\\0Ab\\1B[31m")
    #expect(PeerText.cause(String(repeating: "x", count: 20_000)) == String(repeating: "x", count: 512) + "…")
  }
}
