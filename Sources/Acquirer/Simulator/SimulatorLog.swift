import Glibc
import Payments

/// What the simulated acquirer did, one line each, in a file that is only appended to: what a ledger is compared with
/// after a crash.
///
/// A line is `kind payment amount currency charged|free result`, where the fifth word tells whether the card is charged
/// from then on. No card data. Lines are written before the answers are given; they survive the end of the process,
/// not of the machine. Source: docs/simulator.md, "Log".
struct SimulatorLog {
  private let file: Int32
  private let path: String
  private var lines: [UInt8] = []

  /// - Throws: ``SimulatorError`` where the file cannot be opened or made.
  init(path: String) throws(SimulatorError) {
    self.path = path
    file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SimulatorError(path, "cannot be opened: \(String(cString: strerror(errno)))") }
  }

  func close() { Glibc.close(file) }

  mutating func append(_ operation: AcquirerOperation, isCharged: Bool, _ result: String) {
    let words = [
      "\(operation.kind)", "\(operation.payment)", "\(operation.amount)", operation.currency.text,
      isCharged ? "charged" : "free", result,
    ]
    lines.append(contentsOf: words.joined(separator: " ").utf8)
    lines.append(UInt8(ascii: "\n"))
  }

  /// A void leaves the card free, a refund charged: it is of a part, and `charged` speaks of the sale.
  mutating func append(_ operation: OutgoingOperation, _ result: String) {
    let isFree = operation.kind == .void && result == "done"
    let words = [
      "\(operation.kind)", "\(operation.payment)", "\(operation.amount)", operation.currency.text,
      isFree ? "free" : "charged", result,
    ]
    lines.append(contentsOf: words.joined(separator: " ").utf8)
    lines.append(UInt8(ascii: "\n"))
  }

  /// Writes what was appended, with one call.
  mutating func flush() {
    guard !lines.isEmpty else { return }
    let count = lines.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    precondition(count == lines.count, "\(path): the simulator's log cannot be written")
    lines.removeAll(keepingCapacity: true)
  }

  /// Payments whose cards are charged according to the file.
  ///
  /// - Throws: ``SimulatorError`` where the file is not such a log.
  func charged() throws(SimulatorError) -> Set<Int64> {
    var charged: Set<Int64> = []
    for line in String(decoding: try bytes(), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 6, let payment = Int64(words[1]) else {
        throw SimulatorError(path, "is no log of the simulator: \(line)")
      }
      if words[4] == "charged" { charged.insert(payment) } else { charged.remove(payment) }
    }
    return charged
  }

  private func bytes() throws(SimulatorError) -> [UInt8] {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 * 1_024)
    while true {
      let count = part.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, off_t(bytes.count)) }
      guard count >= 0 else { throw SimulatorError(path, "cannot be read: \(String(cString: strerror(errno)))") }
      if count == 0 { return bytes }
      bytes.append(contentsOf: part[..<count])
    }
  }
}

/// Why the simulator's log cannot be used.
public struct SimulatorError: Error, Sendable, CustomStringConvertible {
  public let description: String

  init(_ path: String, _ text: String) { description = "\(path) \(text)" }
}
