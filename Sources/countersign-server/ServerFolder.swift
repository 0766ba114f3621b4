import CheckoutService
import ProgramSupport

extension DataFolder {
  /// The server's folder, from `--data` or the settings.
  ///
  /// - Throws: ``ProgramError`` where neither names one.
  init(_ option: String?, _ settings: Settings) throws {
    guard let path = settings.text(option, .data) else {
      throw ProgramError(.usage, "--data is needed: the folder that countersign-server init made")
    }
    self.init(path)
  }
}
