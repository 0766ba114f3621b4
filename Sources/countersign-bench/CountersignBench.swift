import ArgumentParser
import NIOCore
import ProgramSupport

/// Load for the service and the transport. Rates are of the machine and the minute; compare within one run.
@main
struct CountersignBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "countersign-bench",
    abstract: "Measures payments, logins, plain calls and idle connections.",
    discussion: """
      EXAMPLES
        countersign-bench payment --server localhost:7443 --admin DATA/admin --work /tmp/fleet --shape 64x16
        countersign-bench rpc --shape 8x32
      """,
    version: "countersign-bench 1.0.0",
    subcommands: [
      PaymentBench.self, LoginBench.self, AuthorityCommand.self, RPCBench.self, IdleBench.self, AcquirerHost.self,
    ])

  static func main() async {
    CrashReports.switchOff()
    await main(NegativeNumbers.arguments)
  }
}

/// Connections and open calls on each, written 64x16.
struct Shape: ExpressibleByArgument, CustomStringConvertible {
  let connections: Int
  let depth: Int

  init?(argument: String) {
    let parts = argument.split(separator: "x").compactMap { Int($0) }
    guard parts.count == 2, (1...10_000).contains(parts[0]), (1...1_000).contains(parts[1]) else { return nil }
    (connections, depth) = (parts[0], parts[1])
  }

  var description: String { "\(connections)x\(depth)" }
}

/// Prints one result: name, shape, calls per second.
func report(_ name: String, _ shape: Shape, calls: Int, nanoseconds: UInt64) {
  let rate = nanoseconds == 0 ? 0 : UInt64(calls) * 1_000_000_000 / nanoseconds
  Console.print("\(name) \(shape) \(rate)")
}

/// On all cores, as many at a time, in order.
func concurrently<Element: Sendable, R: Sendable>(
  _ elements: some Sequence<Element>, _ body: @escaping @Sendable (Element) async throws -> R
) async throws -> [R] {
  try await withThrowingTaskGroup(of: (Int, R).self) { group in
    var results: [Int: R] = [:]
    for (index, element) in elements.enumerated() {
      if index >= System.coreCount, let (place, result) = try await group.next() { results[place] = result }
      group.addTask { (index, try await body(element)) }
    }
    for try await (place, result) in group { results[place] = result }
    return results.sorted { $0.key < $1.key }.map(\.value)
  }
}
