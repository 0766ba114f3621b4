import Payments

extension Simulator {
  public var operations: Set<OperationKind> { [.refund, .void] }

  /// The last two digits of the amount say what happens; docs/simulator.md.
  public func begin(_ operation: OutgoingOperation) {
    let answer: OperationAnswer? =
      switch operation.amount % 100 {
      case 51: OperationAnswer(id: operation.id, result: .refused, responseCode: ResponseCode(ascii: "51"))
      case 52 where !operation.isRepeat: nil
      case 53: OperationAnswer(id: operation.id, result: .notSent)
      default: OperationAnswer(id: operation.id, result: .done, responseCode: ResponseCode(ascii: "00"))
      }
    record(operation, answer)
  }
}
