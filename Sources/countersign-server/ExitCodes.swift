import Authority
import CheckoutService
import ISO8583
import Payments
import ProgramSupport

extension SetupError: ProgramEnding {
  public var status: ExitStatus { isOfArgument ? .usage : .configuration }
}

/// A name or time that the authority puts into no certificate.
extension IssuingError: ProgramEnding {
  public var status: ExitStatus { .configuration }
}

extension StoreError: ProgramEnding {
  public var status: ExitStatus {
    if case .restoreCutOff = self { .configuration } else { .file }
  }
}

extension ConfigurationError: ProgramEnding {
  public var status: ExitStatus { .configuration }
}
