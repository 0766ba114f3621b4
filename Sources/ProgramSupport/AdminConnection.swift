import ArgumentParser
import CountersignClient
import Files

/// Where the service is, and which administrator asks.
public struct AdminConnection: ParsableArguments {
  @Option(help: "Host and port of the service, default localhost:7443. [COUNTERSIGN_SERVER]")
  public var server: String?

  @Option(
    help: "Folder with the administrator's chain.pem and key.pem, for example DATA/admin. [COUNTERSIGN_ADMIN]")
  public var admin: String?

  @Option(help: "File with settings, one NAME=value a line.")
  public var settings: String?

  public init() {}

  /// - Parameter standard: the administrator's folder where none is named.
  /// - Throws: ``ProgramError``, `FileError`, `TerminalError` that name the option or file.
  public func administrator(folder standard: String? = nil) async throws -> Administrator {
    let settings = try await Settings(file: settings)
    let (host, port) = try settings.address(server, .server, default: "localhost:7443")
    guard let folder = settings.text(admin, .admin) ?? standard else {
      throw ProgramError(
        .usage, "--admin is needed: the folder with chain.pem and key.pem that countersign-server init made")
    }
    guard try Files.isThere("\(folder)/chain.pem") else {
      throw ProgramError(
        .configuration,
        "\(folder) is no administrator's folder, it has no chain.pem; name one with --admin, for example DATA/admin")
    }
    return try Administrator(
      certificate: "\(folder)/chain.pem", key: "\(folder)/key.pem", host: host, port: port)
  }
}
