import CheckoutService
import Payments
import ProgramSupport

extension SetupError: ProgramEnding {
  public var status: ExitStatus { .configuration }
}

extension ListenError: ProgramEnding {
  public var status: ExitStatus { .configuration }
}

extension StoreError: ProgramEnding {
  public var status: ExitStatus { .file }
}
