/// Swift source, line by line.
struct SwiftWriter {
  private(set) var text = ""
  private var depth = 0

  mutating func line(_ content: String = "") {
    if !content.isEmpty { text += String(repeating: "  ", count: depth) + content }
    text += "\n"
  }

  /// `head {`, the body, `}`.
  mutating func block(_ head: String, _ body: (inout SwiftWriter) -> Void) {
    line("\(head) {")
    depth += 1
    body(&self)
    depth -= 1
    line("}")
  }

  /// A documentation comment; nothing where there is none.
  mutating func documentation(_ comment: String?) {
    guard let comment else { return }
    // Whatever ends a line may end a Swift comment, and what follows it would be code.
    var lines = comment.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { $0.hasPrefix(" ") ? $0.dropFirst() : $0 }
    while lines.last?.isEmpty == true { lines.removeLast() }
    for content in lines { line(content.isEmpty ? "///" : "/// \(content)") }
  }
}
