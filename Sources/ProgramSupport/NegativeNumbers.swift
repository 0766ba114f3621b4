/// Negative numbers behind options, which the argument parser takes for options of their own: it would say that a value
/// is missing, where the value is wrong.
public enum NegativeNumbers {
  /// The process's arguments with each number below 0 joined to the option before it: `--limit -1` as `--limit=-1`.
  public static var arguments: [String] { joined(Array(CommandLine.arguments.dropFirst())) }

  static func joined(_ arguments: [String]) -> [String] {
    var joined: [String] = []
    var (option, isOver) = (false, false)
    for argument in arguments {
      if option, isNegative(argument), let last = joined.popLast() {
        joined.append("\(last)=\(argument)")
        option = false
      } else {
        joined.append(argument)
        isOver = isOver || argument == "--"
        option = !isOver && argument.hasPrefix("--") && !argument.contains("=")
      }
    }
    return joined
  }

  private static func isNegative(_ text: String) -> Bool {
    text.utf8.first == UInt8(ascii: "-") && text.utf8.count > 1
      && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
  }
}
