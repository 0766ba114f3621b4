/// An event loop, as the writer sees it.
public protocol LedgerLoop: AnyObject, Sendable {
  /// Gives batches back with answers to tell; called by the writer at most once a transaction, hops to the loop itself,
  /// never blocks. From here on the batches are the loop's, to erase and fill again; a batch that this loop has not
  /// made may be among them, and one without answers.
  func deliver(_ batches: [PaymentBatch])
}
