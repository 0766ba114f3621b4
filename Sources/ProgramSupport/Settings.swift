import Configuration
import SystemPackage

/// Settings of a program: a flag wins over the environment, the environment over the file, the file over the default.
///
/// The file has lines `COUNTERSIGN_NAME=value`, as systemd's EnvironmentFile and shells read them; environment
/// variables have the same names. `settings.value("listen.port")` reads `COUNTERSIGN_LISTEN_PORT`.
public struct Settings: Sendable {
  private let reader: ConfigReader

  /// - Parameter file: nil: no file; a file that is named but missing is an error.
  public init(file: String?) async throws {
    var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
    if let file {
      do {
        providers.append(try await EnvironmentVariablesProvider(environmentFilePath: FilePath(file)))
      } catch {
        throw ProgramError(.configuration, "cannot read the settings file \(file): \(error)")
      }
    }
    reader = ConfigReader(providers: providers)
  }

  /// Text of a setting.
  public func text(_ flag: String?, _ name: String, default standard: String) -> String {
    text(flag, name) ?? standard
  }

  /// Text of a setting that may be absent.
  public func text(_ flag: String?, _ name: String) -> String? {
    flag ?? reader.string(forKey: ConfigKey("countersign.\(name)"))
  }

  /// A number within a range.
  ///
  /// - Throws: ``ProgramError`` that names the setting, what came and what is allowed.
  public func number(_ flag: Int?, _ name: String, default standard: Int, in range: ClosedRange<Int>) throws -> Int {
    try optionalNumber(flag, name, in: range) ?? standard
  }

  /// A number within a range that may be absent.
  ///
  /// - Throws: ``ProgramError`` that names the setting, what came and what is allowed.
  public func optionalNumber(_ flag: Int?, _ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = flag.map(String.init) ?? reader.string(forKey: ConfigKey("countersign.\(name)")) else {
      return nil
    }
    guard let value = Int(text), range.contains(value) else {
      throw ProgramError(
        .configuration,
        "\(name): \"\(text)\" must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
