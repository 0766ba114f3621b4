import CountersignClient
import CountersignRPC

/// Where a command takes the fields of its request from, by their paths on the wire ("filter.to_ms"): what the service
/// says of a field is told in the words of the command line, and ends the program as if it had been found here.
public struct RequestFields: Sendable, ExpressibleByDictionaryLiteral {
  public enum Origin: Sendable, ExpressibleByStringLiteral {
    /// An option or argument, as --help calls it.
    case argument(String)
    /// What a person was asked for, or the contents of a file or of standard input, as people call it.
    case input(String)
    /// A path, which the description names.
    case path

    public init(stringLiteral name: String) { self = .argument(name) }

    /// How a program ends whose field is wrong.
    var status: ExitStatus {
      switch self {
      case .argument: .usage
      case .input: .input
      case .path: .file
      }
    }

    func telling(_ description: String) -> String {
      switch self {
      case .argument(let name), .input(let name): "\(name): \(description)"
      case .path: description
      }
    }
  }

  private var origins: [String: Origin]

  public init(dictionaryLiteral elements: (String, Origin)...) {
    origins = Dictionary(elements) { _, last in last }
  }

  /// The fields of both.
  public func and(_ others: RequestFields) -> RequestFields {
    var all = self
    all.origins.merge(others.origins) { $1 }
    return all
  }

  public subscript(field: String) -> Origin? {
    get { origins[field] }
    set { origins[field] = newValue }
  }

  /// How a program ends that finds by itself what is wrong with a field.
  public func wrong(_ field: String, _ description: String) -> ProgramError {
    let origin = self[field] ?? .argument(field)
    return ProgramError(origin.status, origin.telling(description))
  }

  /// - Parameter advice: what people can do about a reason of proto/PROTOCOL.md; with a field behind a space, where the
  ///   refusal names that field.
  /// - Returns: what a refusal is told as, and how it ends the program; nil for any other error.
  func refusal(_ error: any Error, advice: [String: String]) -> ProgramError? {
    guard case TerminalError.refused(let status) = error else { return nil }
    if let violation = status.violations.first, self[violation.field] != nil {
      // What is left of a payment bounds an amount that is asked for as any other rule does.
      let isOverPayment = status.reason == "AMOUNT_OVER_PAYMENT" && violation.field == "amount"
      // A login's words do not fit a file whose certificates are judged for a register.
      let isRefusedChain = status.reason == "CERTIFICATE_REFUSED" && violation.field == "chain"
      if status.code == .invalidArgument || isOverPayment || isRefusedChain {
        return wrong(violation.field, violation.description)
      }
    }
    var text = "refused: \(status)"
    for violation in status.violations {
      let told = "; " + (self[violation.field] ?? .argument(violation.field)).telling(violation.description)
      // The service's sealed refusal tells the field in its text, a gateway's beside it.
      if let inText = text.ranges(of: ": \(violation.field) \(violation.description)").last {
        text.replaceSubrange(inText, with: told)
      } else if !status.text.contains(violation.description) {
        text += told
      }
    }
    if let reason = status.reason {
      let ofField = status.violations.first.flatMap { advice["\(reason) \($0.field)"] }
      if let told = ofField ?? advice[reason] { text += "; \(told)" }
    }
    return ProgramError(status.code == .unavailable ? .unreachable : .refused, text)
  }
}
