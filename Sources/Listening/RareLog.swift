import Logging
import NIOCore
import Synchronization

/// A warning that is logged once a minute at most, because whoever causes it could fill the log.
public final class RareLog: Sendable {
  private static let interval = TimeAmount.seconds(60)

  private let logger: Logger?
  private let logged = Mutex<NIODeadline?>(nil)

  /// - Parameter logger: nil: nobody is told.
  public init(_ logger: Logger?) { self.logger = logger }

  /// Tells that a connection of `source` was refused.
  public func warn(_ message: Logger.Message, source: String) {
    let now = NIODeadline.now()
    let isDue = logged.withLock { logged in
      guard logged.map({ now - $0 >= Self.interval }) ?? true else { return false }
      logged = now
      return true
    }
    if isDue { logger?.warning(message, metadata: ["source": "\(source)"]) }
  }
}
