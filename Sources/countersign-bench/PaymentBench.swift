import ArgumentParser
import CountersignClient
import CountersignRPC
import Messages
import NIOCore
import ProgramSupport
import TLS

/// Durable payments: every connection has its own consultant and session; everything is sealed before the clock starts
/// and every reply is opened and checked after it has stopped.
struct PaymentBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "payment", abstract: "Sealed payments in a closed loop.",
    discussion: """
      Prints "payment SHAPE RATE", "logins RATE" with --logins, and "pause MS" with --pause. With --gateway the company
      named Load and its gateway are set up before; its terminals hold no company's key. Exits with 1 where a reply was
      not the service's approval of its payment.

      EXAMPLE
        countersign-bench payment --server localhost:7443 --admin DATA/admin --work /tmp/fleet --shape 64x16
      """)

  @Option(help: "Host and port of the service.")
  var server: String

  @Option(help: "Folder with the administrator's chain.pem and key.pem.")
  var admin: String

  @Option(help: "Folder for the terminals that are enrolled; kept for the next run.")
  var work: String

  @Option(help: "Connections and open payments on each.")
  var shape: Shape

  @Option(help: "Payments to prepare on all connections together.")
  var payments: Int = 400_000

  @Option(help: "Longest time to send.")
  var seconds: Double = 4

  @Option(help: "Event loops of the load generator.")
  var loops: Int = 1

  @Option(help: "Host and port of the company's gateway, which payments go through.")
  var gateway: String?

  @Option(help: "Logins a second beside the payments, by other consultants.")
  var logins: Int = 0

  @Flag(help: "Also the longest time in milliseconds in which a connection got no answer.")
  var pause = false

  func run() async throws {
    try await Program.run {
      let (host, port) = try Address.parse(server, "--server")
      let fleet = Fleet(
        folder: work, host: host, port: port,
        administrator: try Administrator(
          certificate: "\(admin)/chain.pem", key: "\(admin)/key.pem", host: host, port: port),
        gateway: try gateway.map { try Address.parse($0, "--gateway") })
      let others = logins > 0 ? LoginPace.workers : 0
      let all = try await fleet.terminals(shape.connections + others)
      let terminals = Array(all.prefix(shape.connections))
      let ledgers = try await Self.prepare(terminals, each: max(shape.depth, payments / shape.connections))
      let hop = fleet.gateway ?? (host, port)
      var configuration = ClientConfiguration(host: hop.host, port: Int(hop.port), program: "countersign-bench 1.0.0")
      configuration.keepAlive = .max
      let load = LoadRun(
        shape: shape, seconds: seconds, loops: loops, configuration: configuration,
        tls: try terminals[0].transport(),
        header: BatchConnection.Header(method: CheckoutMethods.submitPayment, options: CallOptions(isSealed: true)))
      let pace = try LoginPace(Array(all.suffix(others)), perSecond: logins)
      let total = try await load.run { ledgers[$0] }
      let made = try await pace.stop()
      try await Self.check(ledgers, total)
      report("payment", shape, calls: total.answered, nanoseconds: total.nanoseconds)
      if logins > 0 { Console.print("logins \(made)") }
      if pause { Console.print("pause \(total.pause / 1_000_000)") }
    }
  }

  private static func prepare(_ terminals: [Terminal], each count: Int) async throws -> [PreparedLedger] {
    var card = CardData()
    card.cardNumber = "4111111111111111"
    (card.expiryYear, card.expiryMonth) = (2_035, 12)
    card.passwordDigits = "12"
    let order = Order(reference: "BENCH-1", amount: 12_900, currency: "KRW", validForMilliseconds: 110_000)
    // As if 100,000 payments a second were made by all terminals in turn.
    let start = Int64(TLSContext.wallClock()) * 1_000
    let perMillisecond = max(1, 100 / terminals.count)
    return try await concurrently(terminals) { [card] terminal in
      let session = try await terminal.login()
      let payments = try await session.prepare(count, of: order, card: card) {
        start + Int64($0 / perMillisecond)
      }
      return PreparedLedger(session: session, payments: payments)
    }
  }

  private static func check(_ ledgers: [PreparedLedger], _ total: LoadRun.Total) async throws {
    if let failure = total.failures.first { throw ProgramError(.refused, failure) }
    let approved = try await concurrently(ledgers) { try await $0.approved() }.reduce(0, +)
    guard approved == total.answered else {
      throw ProgramError(.refused, "\(total.answered - approved) of \(total.answered) replies were no approval")
    }
  }
}

/// The payments of one connection and the replies to them. Used by the event loop while the clock runs and by the check
/// after it has stopped, never by both, which is why it may be shared.
private final class PreparedLedger: LoadSource, @unchecked Sendable {
  private let session: TerminalSession
  private let payments: [PreparedPayment]
  /// Which payment a reply answers, and where it lies in `bytes`.
  private var replies: [(index: Int, range: Range<Int>)] = []
  /// Replies, one behind the other.
  private var bytes: [UInt8]
  private var refusal: String?

  /// Bytes of room for a reply.
  private static let replyRoom = 192

  init(session: TerminalSession, payments: [PreparedPayment]) {
    self.session = session
    self.payments = payments
    replies.reserveCapacity(payments.count)
    // Written once, so that no page of it is new while the clock runs.
    bytes = [UInt8](repeating: 0, count: payments.count * Self.replyRoom)
    bytes.removeAll(keepingCapacity: true)
  }

  func request(_ index: Int) -> [UInt8]? { index < payments.count ? payments[index].request : nil }

  func answered(_ index: Int, _ status: RPCStatus?, _ reply: UnsafeRawBufferPointer) {
    if let status { refusal = "\(status)" }
    replies.append((index, bytes.count..<bytes.count + reply.count))
    bytes.append(contentsOf: reply)
  }

  /// How many replies are the service's approval of their payment.
  func approved() async throws -> Int {
    if let refusal { throw ProgramError(.refused, refusal) }
    var approved = 0
    for (index, range) in replies {
      guard case .result(let result)? = await session.answer(Array(bytes[range]), to: payments[index]) else { continue }
      if result.outcome == .approved { approved += 1 }
    }
    return approved
  }
}
