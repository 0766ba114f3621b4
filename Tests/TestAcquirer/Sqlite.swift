import Bytes
import Foundation
import Payments
import TestPrograms

/// Reads a ledger with the sqlite3 program, while its server runs.
public enum Sqlite {
  /// Rows of a statement, one line each.
  public static func lines(_ path: String, _ statement: String) throws -> [String] {
    try runProgram("sqlite3", ["-readonly", path, statement]).good().lines.map(String.init)
  }
}

extension OriginalElements {
  /// A sale as ``HostProcess/charged`` names it, from the ledger's bytes in hexadecimal.
  public static func hostName(hex: String) -> String? {
    guard let bytes = Hex.decode(hex), let original = bytes.withUnsafeBytes({ OriginalElements(stored: $0) }) else {
      return nil
    }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "UTC")
    format.dateFormat = "MMddHHmmss"
    let words = original.description.split(separator: " ")
    let terminal = words[1].dropLast()
    let stan = words[3].prefix(6)
    return "\(terminal) \(stan) \(format.string(from: Date(timeIntervalSince1970: Double(original.time))))"
  }
}
