/// An event loop, as the writer sees it.
public protocol LedgerLoop: AnyObject, Sendable {
  /// Takes answered payments back; called by the writer at most once a batch, hops to the loop itself, never blocks.
  func deliver(_ batch: PaymentBatch)
}
