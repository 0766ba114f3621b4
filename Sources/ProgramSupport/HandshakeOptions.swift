import ArgumentParser
import CountersignRPC

/// How many connections may be in their TLS handshake.
public struct HandshakeOptions: ParsableArguments {
  @Option(
    help: """
      Connections that may be in their TLS handshake at once; more are closed. Default 2048, or a quarter of the file \
      descriptors. [COUNTERSIGN_HANDSHAKES]
      """)
  public var handshakes: Int?

  @Option(
    help: """
      The same of one address, which a company's terminals may share; default 256, or half of --handshakes. \
      [COUNTERSIGN_HANDSHAKES_PER_SOURCE]
      """)
  public var handshakesPerSource: Int?

  public init() {}

  /// - Throws: ``ProgramError`` that names the setting, what came and what is allowed.
  public func limits(_ settings: Settings) throws -> HandshakeLimits {
    let most = try settings.number(
      handshakes, .handshakes, default: HandshakeLimits.standard.most, in: HandshakeLimits.range)
    let limits = HandshakeLimits(most: most)
    return HandshakeLimits(
      most: most,
      mostOfSource: try settings.number(
        handshakesPerSource, .handshakesPerSource, default: limits.mostOfSource, in: 1...most))
  }
}
