import ISO8583
import Payments

/// Reads answers as the dialect says. Pure.
struct AnswerReader: Sendable {
  let dialect: Dialect

  /// The key of the request that this answers. Source: docs/iso8583.md, "Matching".
  func key(of message: Message, isNetwork: Bool) -> RequestKey {
    var key = RequestKey(
      messageClass: message.type / 100,
      stan: UInt32(truncatingIfNeeded: message.withBytes(of: 11) { TextNumber.digits($0) }))
    guard !isNetwork else { return key }
    if dialect.match.contains(.time) { key.time = message.withBytes(of: 7) { TextNumber.digits($0) } }
    if dialect.match.contains(.terminal) { key.terminal = message.withBytes(of: 41) { TextNumber.packPadded($0) } }
    if dialect.match.contains(.retrieval) { key.retrieval = message.withBytes(of: 37) { Self.retrieval($0) } }
    return key
  }

  /// What an answer means to a request, and whether the acquirer said that it could not read it.
  func read(_ message: Message, to request: PendingRequest, _ kind: AcquirerOperation.Kind) -> Reading {
    let code = message.withBytes(of: 39) { ResponseCode(bytes: $0) }
    let meaning = dialect.codes[kind.codeList]?[code]
    var answer = AcquirerAnswer(kind: kind, payment: request.payment, result: .unknown, responseCode: code)
    switch (kind, meaning) {
    case (.sale, .approved), (.inquiry, .approved):
      guard isWhole(message, request) else {
        answer.result = .otherAmount
        return Reading(answer: answer, doubt: .amount)
      }
      answer.result = .approved
      answer.approvalCode = message.withBytes(of: 38) { ApprovalCode(value: TextNumber.packPadded($0)) }
    case (.sale, .declined), (.inquiry, .declined), (.sale, .formatError): answer.result = .declined
    case (.inquiry, .notFound), (.reversal, .notFound): answer.result = .notFound
    case (.reversal, .reversed): answer.result = .reversed
    case (.reversal, .refused), (.reversal, .formatError): answer.result = .reversalRefused
    default: break
    }
    let doubt: Reading.Doubt? = meaning == .formatError ? .format : meaning == nil ? .code : nil
    return Reading(answer: answer, doubt: doubt)
  }

  /// What an answer means to a refund or void: a refund is answered with the codes of a sale, a void with those of a
  /// reversal.
  func read(
    _ message: Message, to request: PendingRequest, _ operation: SentOperation
  ) -> (answer: OperationAnswer, doubt: Reading.Doubt?) {
    let code = message.withBytes(of: 39) { ResponseCode(bytes: $0) }
    let meaning = dialect.codes[operation.kind == .refund ? .sale : .reversal]?[code]
    var answer = OperationAnswer(id: operation.id, result: .unknown, responseCode: code)
    switch (operation.kind, meaning) {
    case (.refund, .approved):
      guard isWhole(message, request) else { return (answer, .amount) }
      answer.result = .done
    case (.void, .reversed): answer.result = .done
    // One that was sent before may have been done then.
    case (.void, .notFound) where operation.isRepeat: return (answer, .notFound)
    case (.refund, .declined), (.refund, .formatError), (.void, .refused), (.void, .notFound), (.void, .formatError):
      answer.result = .refused
    default: break
    }
    let doubt: Reading.Doubt? = meaning == .formatError ? .format : meaning == nil ? .code : nil
    return (answer, doubt)
  }

  /// Whether the line may be used after this answer to a sign-on or an echo.
  func isApproved(_ message: Message) -> Bool {
    dialect.codes[.network]?[message.withBytes(of: 39) { ResponseCode(bytes: $0) }] == .approved
  }

  /// An approval of another amount is none.
  private func isWhole(_ message: Message, _ request: PendingRequest) -> Bool {
    !message.has(4) || message.withBytes(of: 4) { TextNumber.digits($0) } == request.amount
  }

  private static func retrieval(_ bytes: UnsafeRawBufferPointer) -> (head: UInt64, tail: UInt32) {
    let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(8))
    guard bytes.count > 8 else { return (TextNumber.packPadded(head), 0) }
    let tail = TextNumber.packPadded(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(8).prefix(4)))
    return (head.reduce(0) { $0 << 8 | UInt64($1) }, UInt32(truncatingIfNeeded: tail))
  }
}

/// What an answer says.
struct Reading: Sendable, Equatable {
  /// Why operators should look at it.
  enum Doubt: Sendable, Equatable {
    /// The approved amount is not the one that was asked for.
    case amount
    /// The acquirer could not read our message.
    case format
    /// The code is in no list.
    case code
    /// A void that was sent again does not find its sale.
    case notFound
  }
  var answer: AcquirerAnswer
  var doubt: Doubt?
}

extension AcquirerOperation.Kind {
  var codeList: Dialect.CodeList {
    switch self {
    case .sale: .sale
    case .inquiry: .inquiry
    case .reversal: .reversal
    }
  }
}

extension ResponseCode {
  /// Two or three characters; ``none`` for anything else.
  init(bytes: UnsafeRawBufferPointer) {
    let isCode = (2...3).contains(bytes.count)
    self.init(value: isCode ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : 0)
  }

  /// - Returns: nil where `text` has not two or three ASCII characters.
  init?(_ text: String) {
    guard let value = TextNumber.pack(Array(text.utf8), limit: 3), value > 0xFF else { return nil }
    self.init(value: UInt32(value))
  }
}
