import Payments

/// What ties an answer to its request. Fields that the dialect does not match by are zero.
///
/// Source: docs/iso8583.md, "Matching".
struct RequestKey: Hashable, Sendable, BitwiseCopyable {
  /// Version and class of the message type, which request and answer share: 2 for 0200 and 0210, 4 for 0420 and 0430.
  var messageClass: UInt16
  /// DE11.
  var stan: UInt32
  /// DE41, packed.
  var terminal: UInt64 = 0
  /// DE7 as a number.
  var time: UInt64 = 0
  private var retrievalHead: UInt64 = 0
  private var retrievalTail: UInt32 = 0
  /// DE37, packed.
  var retrieval: (head: UInt64, tail: UInt32) {
    get { (retrievalHead, retrievalTail) }
    set { (retrievalHead, retrievalTail) = newValue }
  }

  init(messageClass: UInt16, stan: UInt32) {
    self.messageClass = messageClass
    self.stan = stan
  }
}

/// A refund or void that was sent. Trivial.
struct SentOperation: Sendable, BitwiseCopyable, Equatable {
  var id: Int64
  var kind: OperationKind
  var isRepeat: Bool
}

/// A message that was sent. Trivial.
struct PendingRequest: Sendable, BitwiseCopyable, Equatable {
  enum Kind: Sendable, BitwiseCopyable, Equatable {
    case payment(AcquirerOperation.Kind)
    case operation(SentOperation)
    case signOn
    case echo
  }
  var kind: Kind
  /// 0 where it is about the line.
  var payment: Int64
  /// Minor units.
  var amount: UInt64
  /// Number of the connection it was sent on.
  var connection: Int
  /// Monotonic milliseconds at which it counts as unanswered.
  var deadline: Int64
}

/// Requests on their way, and for a while those that are over, so that late and doubled answers find their payment. Pure.
///
/// A key is *open* until its answer, its deadline or the loss of its connection, then *late* or *answered*; of those the
/// latest ``remembered`` are kept.
struct PendingRequests: Sendable {
  enum Match: Sendable, Equatable {
    /// The first answer, in time.
    case open(PendingRequest)
    /// The first answer, too late.
    case late(PendingRequest)
    /// Another answer to what was answered.
    case doubled(PendingRequest)
    case unknown
  }

  private enum Phase: Sendable, BitwiseCopyable {
    case open
    case late
    case answered
  }
  private struct Entry: Sendable, BitwiseCopyable {
    var request: PendingRequest
    var phase: Phase
    /// Tells this use of the key from others.
    var ticket: UInt64
  }
  private struct Place: Sendable, BitwiseCopyable {
    var key: RequestKey
    var ticket: UInt64
  }

  /// How many requests that are over are kept.
  let remembered: Int
  private var entries: [RequestKey: Entry] = [:]
  /// Open ones in the order in which they were sent; may hold others.
  private var sent = Queue<Place>()
  private var over = Queue<Place>()
  private var lastTicket: UInt64 = 0
  private(set) var openCount = 0

  init(remembered: Int = 65_536) { self.remembered = remembered }

  /// Takes a request that is about to be sent.
  ///
  /// - Returns: false where the key is open for something else: it must not be sent.
  mutating func insert(_ key: RequestKey, _ request: PendingRequest) -> Bool {
    if let old = entries[key], old.phase == .open {
      guard old.request.payment == request.payment, old.request.kind == request.kind else { return false }
      openCount -= 1
    }
    put(key, request, .open)
    openCount += 1
    sent.append(Place(key: key, ticket: lastTicket))
    return true
  }

  /// Takes back a request that was not sent after all.
  mutating func withdraw(_ key: RequestKey) {
    guard entries[key]?.phase == .open else { return }
    entries[key] = nil
    openCount -= 1
  }

  /// Knows a request that this process has not sent, or no longer waits for, so that a late answer finds its payment.
  mutating func remember(_ key: RequestKey, _ request: PendingRequest) {
    guard entries[key] == nil else { return }
    put(key, request, .late)
    close(key)
  }

  /// Takes an answer.
  mutating func match(_ key: RequestKey) -> Match {
    guard let entry = entries[key] else { return .unknown }
    entries[key]?.phase = .answered
    switch entry.phase {
    case .open:
      openCount -= 1
      close(key)
      return .open(entry.request)
    case .late: return .late(entry.request)
    case .answered: return .doubled(entry.request)
    }
  }

  /// Requests whose deadline has passed, oldest first; from now on their answers are late.
  mutating func expire(now: Int64) -> [PendingRequest] {
    var expired: [PendingRequest] = []
    while let place = sent.first {
      if let entry = entries[place.key], entry.ticket == place.ticket, entry.phase == .open {
        guard entry.request.deadline <= now else { break }
        expired.append(giveUp(place.key, entry))
      }
      sent.removeFirst()
    }
    return expired
  }

  /// Requests that were sent on a connection that is lost, oldest first.
  mutating func lose(connection: Int) -> [PendingRequest] {
    entries.filter { $0.value.phase == .open && $0.value.request.connection == connection }
      .sorted { $0.value.ticket < $1.value.ticket }
      .map { giveUp($0.key, $0.value) }
  }

  private mutating func giveUp(_ key: RequestKey, _ entry: Entry) -> PendingRequest {
    entries[key]?.phase = .late
    openCount -= 1
    close(key)
    return entry.request
  }

  private mutating func put(_ key: RequestKey, _ request: PendingRequest, _ phase: Phase) {
    lastTicket += 1
    entries[key] = Entry(request: request, phase: phase, ticket: lastTicket)
  }

  /// Keeps what is over among the latest.
  private mutating func close(_ key: RequestKey) {
    guard let entry = entries[key] else { return }
    over.append(Place(key: key, ticket: entry.ticket))
    while over.count > remembered, let oldest = over.first {
      over.removeFirst()
      if let entry = entries[oldest.key], entry.ticket == oldest.ticket, entry.phase != .open {
        entries[oldest.key] = nil
      }
    }
  }
}

/// First in, first out.
private struct Queue<Element: Sendable>: Sendable {
  private var elements: [Element] = []
  private var front = 0

  var count: Int { elements.count - front }
  var first: Element? { front < elements.count ? elements[front] : nil }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func removeFirst() {
    front += 1
    guard front > 4_096, front * 2 > elements.count else { return }
    elements.removeFirst(front)
    front = 0
  }
}
