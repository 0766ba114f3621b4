import AcquirerISO8583
import Foundation
import TestPrograms

/// Tests/Python/acquirer_host.py as a real process: the independent acquirer.
public final class HostProcess {
  public let log: String
  public private(set) var port = FixedPort.next()
  private let arguments: [String]
  private var process: RunningProgram?

  /// - Parameters:
  ///   - folder: where the log is kept.
  ///   - arguments: options of the host besides port and log.
  public init(folder: String, arguments: [String] = []) throws {
    log = folder + "/host.log"
    self.arguments = arguments
    try start()
  }

  /// Starts, each time on the same port.
  public func start() throws {
    let process = try RunningProgram(
      Repository.python,
      [Repository.path("Tests/Python/acquirer_host.py"), "--port", "\(port)", "--log", log] + arguments)
    self.process = process
    port = Int(try process.prints("\n").filter(\.isNumber)) ?? 0
  }

  public func stop() { process?.kill() }

  /// What the host logged, a list of words for each line.
  public var lines: [[String]] {
    ((try? String(contentsOfFile: log, encoding: .ascii)) ?? "").split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
  }

  /// Terminal, STAN and DE7 of the sales whose card is charged at the end, for example "T0000001 000017 1128090507".
  public var charged: Set<String> {
    var charged: Set<String> = []
    for words in lines where words.count == 9 {
      let sale = words[1...3].joined(separator: " ")
      if words[7] == "charged" { charged.insert(sale) } else { charged.remove(sale) }
    }
    return charged
  }
}

extension Dialect {
  /// Writes one of the repository's examples with lines changed, and tells its path.
  ///
  /// - Parameter changes: the new lines by the word that the old one begins with.
  public static func writeExample(
    _ name: String = "example-1987", _ changes: [String: String] = [:], in folder: String
  ) throws -> String {
    let text = try String(contentsOfFile: Repository.path("dialects/\(name).conf"), encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.first == " " ? String(line) : changes[String(line.prefix { $0 != " " })] ?? String(line)
    }
    let path = folder + "/test.conf"
    try lines.joined(separator: "\n").replacing("fields iso8583-", with: "fields          iso8583-")
      .replacing("          iso8583-", with: "          " + Repository.path("dialects/iso8583-"))
      .write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}
