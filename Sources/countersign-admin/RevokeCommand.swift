import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// The kill switch.
struct Revoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Revokes a consultant, company, certificate or device for good; live sessions end at once.",
    discussion: """
      EXAMPLES
        countersign-admin revoke consultant 17 --reason privilege-withdrawn
        countersign-admin revoke company "Acme Tours" --reason cessation-of-operation
        countersign-admin revoke device 52:54:00:12:34:56 --reason key-compromise --comment "stolen from desk 4"
        countersign-admin revoke certificate 4f1c… --reason superseded
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case consultant, company, certificate, device }

  @Argument(help: "consultant, company, certificate or device.")
  var kind: Kind

  @Argument(
    help: """
      Number or registered name of a consultant or company; SHA-256 or serial number of a certificate, hexadecimal; MAC \
      address.
      """)
  var id: String

  @Option(help: "\(RevocationReason.names.map(\.name).joined(separator: ", ")).")
  var reason: String

  @Option(help: "For the journal, at most 256 bytes.")
  var comment = ""

  @OptionGroup var options: AdminOptions

  func run() async throws {
    try await AdminProgram.run(Self.fields) {
      var request = RevokeRequest()
      guard let reason = RevocationReason.names.first(where: { $0.name == reason })?.reason else {
        let names = RevocationReason.names.map(\.name).joined(separator: ", ")
        throw ProgramError(.usage, "--reason \(reason): must be one of \(names)")
      }
      (request.reason, request.comment) = (reason, comment)
      let named = try target()
      let administrator = try await options.administrator()
      request.target =
        switch named {
        case .consultant(let text): .consultant(try await administrator.consultant(text, "ID"))
        case .company(let text): .company(try await administrator.company(text))
        case .certificate(let name): .certificate(name)
        case .device(let address): .device(address)
        }
      let reply = try await administrator.run { [request] in try await $0.revoke(request) }
      switch options.output {
      case .text:
        let time = TimeText.instant(Int64(clamping: reply.timeMs))
        let told = "\(reply.isNew ? "is revoked, at" : "was revoked already at") \(time), \(reply.reason.name)"
        Console.print(
          "\(kind) \(id) \(told): \(counted(reply.sessions, "session")) ended, "
            + counted(reply.certificates, "certificate"))
      case .json:
        Console.print(
          JSON.object([
            ("is_new", .truth(reply.isNew)), ("sessions", .number(Int64(reply.sessions))),
            ("certificates", .number(Int64(reply.certificates))), ("time_ms", .number(Int64(clamping: reply.timeMs))),
            ("reason", .text(reply.reason.name)),
          ]))
      }
    }
  }

  private static let fields: RequestFields = [
    "consultant": "ID", "company": "ID", "which": "ID", "name": "ID", "certificate": "ID", "device": "ID",
    "reason": "--reason", "comment": "--comment",
  ]

  /// What is named, before the service is asked for the number of a name.
  private enum Named {
    case consultant(String)
    case company(String)
    case certificate([UInt8])
    case device([UInt8])
  }

  private func target() throws -> Named {
    switch kind {
    case .consultant: return .consultant(id)
    case .company: return .company(id)
    case .certificate:
      guard let bytes = Hex.decode(id), bytes.count == 32 || (1...20).contains(bytes.count) else {
        throw ProgramError(.usage, "\(id): must be 64 hexadecimal digits of SHA-256 or 2 to 40 of a serial number")
      }
      return .certificate(bytes)
    case .device:
      guard let bytes = Hex.decode(id.filter { $0 != ":" && $0 != "-" }), bytes.count == 6 else {
        throw ProgramError(.usage, "\(id): must be a MAC address, for example 52:54:00:12:34:56")
      }
      return .device(bytes)
    }
  }
}

/// Lifts a lockout.
struct Unlock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lets a consultant or an address log in again before its lockout ends.",
    discussion: """
      EXAMPLES
        countersign-admin unlock --consultant 17
        countersign-admin unlock --source 192.0.2.7
      """)

  @Option(help: "Number or registered name of the consultant.")
  var consultant: String?

  @Option(help: "Address as the journal shows it.")
  var source: String?

  @OptionGroup var options: AdminOptions

  func validate() throws {
    guard consultant != nil || source != nil else { throw ValidationError("name --consultant or --source") }
    guard consultant == nil || source == nil else {
      throw ValidationError("--consultant and --source do not go together: give one, then the other")
    }
  }

  func run() async throws {
    try await AdminProgram.run(["subject.consultant": "--consultant", "subject.source": "--source"]) {
      let administrator = try await options.administrator()
      var request = UnlockRequest()
      if let consultant {
        request.subject = .consultant(try await administrator.consultant(consultant, "--consultant"))
      }
      if let source { request.subject = .source(source) }
      let reply = try await administrator.run { [request] in try await $0.unlock(request) }
      switch options.output {
      case .text: Console.print(reply.wasLocked ? "unlocked" : "was not locked out; its failures are forgotten")
      case .json: Console.print(JSON.object([("was_locked", .truth(reply.wasLocked))]))
      }
    }
  }
}

extension RevocationReason {
  /// As people write them.
  fileprivate static let names: [(name: String, reason: RevocationReason)] = [
    ("unspecified", .unspecified), ("key-compromise", .keyCompromise), ("affiliation-changed", .affiliationChanged),
    ("superseded", .superseded), ("cessation-of-operation", .cessationOfOperation),
    ("privilege-withdrawn", .privilegeWithdrawn),
  ]

  fileprivate var name: String { Self.names.first { $0.reason == self }?.name ?? "unspecified" }
}
