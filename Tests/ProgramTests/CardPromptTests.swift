import Foundation
import TestPrograms
import Testing

/// The card as a person types it, on a real terminal (`Tests/Python/answer_prompts.py`).
@Suite(.serialized) struct CardPromptTests {
  private let desk: Desk

  init() throws { desk = try Desk() }

  @Test func aWrongFieldIsAskedForAgainAtOnce() throws {
    let paid = try pay(["4111 1111 1111 1112", "4111 1111 1111 1111", "1/2/3", "12/35", "", "12345", "123", ""])
    #expect(paid.status == 0, "\(paid)")
    let asked = ["Card number: ", "Expiry (MM/YY): ", "First two digits", "Security code", "Birth date"]
    let times = asked.map { paid.output.ranges(of: $0).count }
    #expect(times == [2, 2, 1, 2, 1], "\(paid.output)")
    let number = try #require(paid.output.firstRange(of: "card.card_number"))
    let expiry = try #require(paid.output.firstRange(of: "Expiry (MM/YY): "))
    #expect(number.lowerBound < expiry.lowerBound, "\(paid.output)")
    #expect(paid.output.contains("APPROVED") && !paid.output.contains("4111 1111"), "\(paid.output)")
  }

  @Test func afterThreeWrongAnswersNothingIsSent() throws {
    let paid = try pay(["1", "2", "3"])
    #expect(paid.status == 65, "\(paid)")
    #expect(paid.output.ranges(of: "Card number: ").count == 3, "\(paid.output)")
  }

  /// Typed the moment the passphrase was taken, long before the card is asked for.
  @Test func whatIsTypedAheadIsTakenAndNeverShown() throws {
    let paid = try script([
      "wait:Passphrase: ", "echo:asked", "type:\(Self.passphrase)\\n", "wait:\r\n", "echo:between",
      "type:4111111111111111\\n12/35\\n\\n123\\n\\n", "wait:Card number: ",
    ])
    #expect(paid.status == 0 && paid.output.contains("APPROVED"), "\(paid)")
    #expect(paid.output.contains("[asked echo off]") && paid.output.contains("[between echo off]"), "\(paid.output)")
    #expect(paid.output.hasSuffix("[end echo on]"), "\(paid.output)")
    #expect(!paid.output.contains("4111111111111111") && !paid.output.contains("12/35"), "\(paid.output)")
  }

  /// What follows a wrong answer is no answer to the same question.
  @Test func whatIsTypedAheadOfAComplaintIsDropped() throws {
    let paid = try script([
      "wait:Passphrase: ", "type:\(Self.passphrase)\\n4111111111111112\\n12/35\\n", "wait:card.card_number",
      "wait:Card number: ", "type:4111111111111111\\n", "wait:Expiry (MM/YY): ", "type:12/35\\n\\n\\n\\n",
    ])
    #expect(paid.status == 0 && paid.output.contains("APPROVED"), "\(paid)")
    #expect(paid.output.ranges(of: "Card number: ").count == 2, "\(paid.output)")
  }

  @Test(arguments: ["INT", "TERM", "HUP", "QUIT"]) func aSignalGivesEchoBack(_ name: String) throws {
    let paid = try script([
      "wait:Passphrase: ", "type:\(Self.passphrase)\\n", "wait:Card number: ", "echo:asked", "kill:\(name)",
    ])
    let numbers: [String: Int32] = ["INT": SIGINT, "TERM": SIGTERM, "HUP": SIGHUP, "QUIT": SIGQUIT]
    #expect(paid.status == 128 + (numbers[name] ?? 0), "\(paid)")
    #expect(paid.output.contains("[asked echo off]") && paid.output.hasSuffix("[end echo on]"), "\(paid.output)")
  }

  @Test func anErrorGivesEchoBack() throws {
    let paid = try script(["wait:Passphrase: ", "type:wrong\\n"])
    #expect(paid.status == 77, "\(paid)")
    #expect(paid.output.hasSuffix("[end echo on]"), "\(paid.output)")
  }

  /// A shell with job control gives its own settings to a job that it puts in front again.
  @Test func whoStopsTheProgramAndGoesOnTypesWithoutEcho() throws {
    let paid = try script(
      [
        "type:\(Self.command.joined(separator: " "))\\n", "wait:Passphrase: ", "type:\(Self.passphrase)\\n",
        "wait:Card number: ", "type:\\x1a", "wait:Stopped", "echo:stopped", "type:fg\\n", "wait:Card number: ",
        "echo:again", "type:4111111111111111\\n", "wait:Expiry (MM/YY): ", "type:12/35\\n\\n\\n\\n",
        "wait:APPROVED", "type:exit 7\\n",
      ], of: ["/bin/bash", "--norc", "--noediting", "-i"])
    #expect(paid.status == 7, "\(paid)")
    #expect(paid.output.contains("[stopped echo on]") && paid.output.contains("[again echo off]"), "\(paid.output)")
    #expect(!paid.output.contains("4111111111111111"), "\(paid.output)")
  }

  /// As one that reads from its terminal is; the shell's own settings are neither changed nor put back later.
  @Test func aJobInTheBackgroundIsStoppedUntilItIsBroughtToTheFront() throws {
    let line = Self.command.joined(separator: " ")
    let paid = try script(
      [
        "type:\(line) &\\n", "wait:[1]", "type:until jobs | grep Stopped; do sleep 0.1; done\\n", "wait:Stopped  ",
        "echo:background", "type:fg\\n", "wait:Passphrase: ", "echo:asked", "type:\(Self.passphrase)\\n",
        "wait:Card number: ", "type:4111111111111111\\n", "wait:Expiry (MM/YY): ", "type:12/35\\n\\n\\n\\n",
        "wait:APPROVED", "type:exit 7\\n",
      ], of: ["/bin/bash", "--norc", "--noediting", "-i"])
    #expect(paid.status == 7, "\(paid)")
    #expect(paid.output.contains("[background echo on]") && paid.output.contains("[asked echo off]"), "\(paid.output)")
    #expect(paid.output.hasSuffix("[end echo on]"), "\(paid.output)")
    #expect(!paid.output.contains("4111111111111111"), "\(paid.output)")
  }

  @Test func theEndOfInputIsNoAnswer() throws {
    let paid = try script(["wait:Passphrase: ", "type:\(Self.passphrase)\\n", "wait:Card number: ", "type:\\x04"])
    #expect(paid.status == 65 && paid.output.contains("the input has ended"), "\(paid)")
    #expect(paid.output.ranges(of: "Card number: ").count == 1, "\(paid.output)")
    #expect(paid.output.hasSuffix("[end echo on]"), "\(paid.output)")
  }

  private static let passphrase = "correct horse"
  private static let command =
    [Program.folder.appendingPathComponent("countersign-terminal").path]
    + ["pay", "--order", "A-1", "--amount", "100", "--currency", "KRW"]

  private func pay(_ answers: [String]) throws -> Program.Result {
    try runProgram(
      Repository.debianPython, [Repository.path("Tests/Python/answer_prompts.py")] + answers + ["--"] + Self.command,
      environment: desk.environment)
  }

  /// With the passphrase asked for (`Tests/Python/terminal_script.py`).
  private func script(_ steps: [String], of program: [String] = command) throws -> Program.Result {
    var environment = desk.environment
    environment["COUNTERSIGN_PASSPHRASE_FILE"] = nil
    return try runProgram(
      Repository.debianPython, [Repository.path("Tests/Python/terminal_script.py")] + steps + ["--"] + program,
      environment: environment)
  }
}
