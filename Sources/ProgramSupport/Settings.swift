import Bytes
import Configuration
import Logging
import SystemPackage

/// Settings of a program: a flag wins over the environment, the environment over the file, the file over the default.
///
/// The file has lines `COUNTERSIGN_NAME=value`, as systemd's EnvironmentFile and shells read them; environment
/// variables have the same names. What is wrong is told where it comes from: a flag's value ends the program with 64 and
/// the flag's name, any other with 78 and the variable's name, and the file's.
public struct Settings: Sendable {
  private let environment = ConfigReader(provider: EnvironmentVariablesProvider())
  private let file: (path: String, reader: ConfigReader)?

  /// - Parameter file: nil: no file; a file that is named but missing is an error.
  /// - Throws: ``ProgramError`` that names file and line, also where a name is no ``Setting``.
  public init(file path: String?) async throws {
    guard let path else {
      file = nil
      return
    }
    try SettingsFile.check(path)
    do {
      let provider = try await EnvironmentVariablesProvider(environmentFilePath: FilePath(path))
      file = (path, ConfigReader(provider: provider))
    } catch {
      throw ProgramError(.configuration, "cannot read the settings file \(path): \(error)")
    }
  }

  /// Text of a setting.
  public func text(_ flag: String?, _ setting: Setting, default standard: String) -> String {
    text(flag, setting) ?? standard
  }

  /// Text of a setting that may be absent.
  public func text(_ flag: String?, _ setting: Setting) -> String? {
    flag ?? environment.string(forKey: setting.key) ?? file?.reader.string(forKey: setting.key)
  }

  /// A number within a range.
  ///
  /// - Throws: ``ProgramError`` that names where it comes from, what came and what is allowed.
  public func number(_ flag: Int?, _ setting: Setting, default standard: Int, in range: ClosedRange<Int>) throws -> Int
  {
    try optionalNumber(flag, setting, in: range) ?? standard
  }

  /// A number within a range that may be absent.
  ///
  /// - Throws: ``ProgramError`` that names where it comes from, what came and what is allowed.
  public func optionalNumber(_ flag: Int?, _ setting: Setting, in range: ClosedRange<Int>) throws -> Int? {
    let rule = "must be a number from \(range.lowerBound) to \(range.upperBound)"
    return try value(flag.map(String.init), setting, rule) { text in
      Int(digits: text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// Host and port.
  ///
  /// - Throws: ``ProgramError`` that names where it comes from, what came and what is allowed.
  public func address(
    _ flag: String?, _ setting: Setting, default standard: String
  ) throws -> (host: String, port: UInt16) {
    try value(flag, setting, Address.form, Address.read) ?? Address.parse(standard, setting.flag)
  }

  /// Every level that ``logLevel(_:)`` takes, for help and errors.
  public static let logLevels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")

  /// How much a program logs; info where nothing is set.
  ///
  /// - Throws: ``ProgramError`` that names where it comes from, what came and what is allowed.
  public func logLevel(_ flag: String?) throws -> Logger.Level {
    try value(flag, .logLevel, "must be one of \(Self.logLevels)", Logger.Level.init(rawValue:)) ?? .info
  }

  /// A setting's text as `read` takes it; nil where it is absent.
  ///
  /// - Parameter rule: what it must be.
  /// - Throws: ``ProgramError`` where `read` gives nil.
  public func value<Value>(
    _ flag: String?, _ setting: Setting, _ rule: String, _ read: (String) -> Value?
  ) throws -> Value? {
    guard let text = text(flag, setting) else { return nil }
    guard let value = read(text) else { throw wrong(flag, setting, text, rule) }
    return value
  }

  private func wrong(_ flag: String?, _ setting: Setting, _ text: String, _ rule: String) -> ProgramError {
    if flag != nil { return ProgramError(.usage, "\(setting.flag) \"\(text)\": \(rule)") }
    let place = environment.string(forKey: setting.key) == nil ? file.map { "settings file \($0.path): " } : nil
    return ProgramError(.configuration, "\(place ?? "")\(setting.variable)=\(text): \(rule)")
  }
}

extension Setting {
  fileprivate var key: ConfigKey { ConfigKey("countersign.\(rawValue)") }
}
