import Foundation
import TestPrograms
import Testing

/// Traces of many payments: some at a time, and how many more there are.
@Suite struct TraceProgramTests {
  @Test func thoseLeftOutAreCountedAndGoneOnWith() throws {
    let desk = try Desk()
    for _ in 0..<4 { #expect(try desk.pay(card: Desk.card).status == 0) }
    let numbers = try desk.json(["payments", "list"]).compactMap { $0["payment"] as? Int }
    #expect(numbers.count == 4)
    func trace(_ arguments: [String], input: String = "") throws -> (told: [Int], errors: String) {
      let result = try desk.admin(["trace", "--output", "json"] + arguments, input: input).good()
      let objects = try result.output.split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      return (objects.compactMap { $0["payment"] as? Int }, result.errors)
    }
    for (which, input) in [
      (["--order", "A-1"], ""), (["--card"], "4111111111111111\n"), (["--consultant", "Kim"], ""),
    ] {
      let all = try trace(which, input: input)
      #expect(all.told == numbers && all.errors.isEmpty)
      let one = try trace(which + ["--limit", "1"], input: input)
      let rest = "; --after \(numbers[0]) goes on, a higher --limit tells more at once\n"
      #expect(one.told == [numbers[0]] && one.errors == "note: 3 more payments\(rest)", "\(one)")
      let next = try trace(which + ["--limit", "2", "--after", "\(numbers[0])"], input: input)
      #expect(next.told == Array(numbers[1...2]), "\(next)")
      #expect(next.errors.hasPrefix("note: 1 more payment; --after \(numbers[2]) "), "\(next)")
      let last = try trace(which + ["--limit", "1", "--after", "\(numbers[2])"], input: input)
      #expect(last.told == [numbers[3]] && last.errors.isEmpty, "\(last)")
    }
    let none = try desk.admin(["trace", "--order", "A-1", "--limit", "0"])
    #expect(none.status == 64 && none.errors.contains("--limit must be at least 1"), "\(none)")
  }
}
