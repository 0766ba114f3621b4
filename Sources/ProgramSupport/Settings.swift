import Configuration
import SystemPackage

/// Settings of a program: a flag wins over the environment, the environment over the file, the file over the default.
///
/// The file has lines `COUNTERSIGN_NAME=value`, as systemd's EnvironmentFile and shells read them; environment
/// variables have the same names.
public struct Settings: Sendable {
  private let reader: ConfigReader

  /// - Parameter file: nil: no file; a file that is named but missing is an error.
  /// - Throws: ``ProgramError`` that names file and line, also where a name is no ``Setting``.
  public init(file: String?) async throws {
    var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
    if let file {
      try SettingsFile.check(file)
      do {
        providers.append(try await EnvironmentVariablesProvider(environmentFilePath: FilePath(file)))
      } catch {
        throw ProgramError(.configuration, "cannot read the settings file \(file): \(error)")
      }
    }
    reader = ConfigReader(providers: providers)
  }

  /// Text of a setting.
  public func text(_ flag: String?, _ setting: Setting, default standard: String) -> String {
    text(flag, setting) ?? standard
  }

  /// Text of a setting that may be absent.
  public func text(_ flag: String?, _ setting: Setting) -> String? {
    flag ?? reader.string(forKey: ConfigKey("countersign.\(setting.rawValue)"))
  }

  /// A number within a range.
  ///
  /// - Throws: ``ProgramError`` that names the setting, what came and what is allowed.
  public func number(_ flag: Int?, _ setting: Setting, default standard: Int, in range: ClosedRange<Int>) throws -> Int
  {
    try optionalNumber(flag, setting, in: range) ?? standard
  }

  /// A number within a range that may be absent.
  ///
  /// - Throws: ``ProgramError`` that names the setting, what came and what is allowed.
  public func optionalNumber(_ flag: Int?, _ setting: Setting, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = flag.map(String.init) ?? reader.string(forKey: ConfigKey("countersign.\(setting.rawValue)")) else {
      return nil
    }
    guard let value = Int(text), range.contains(value) else {
      throw ProgramError(
        .configuration,
        "\(setting.rawValue): \"\(text)\" must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
