/// Why a certificate path was refused: the rule, the certificate that broke it and what was found.
public struct CertificateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// Short name of the rule, for example "validity".
  public let rule: String
  /// Place in the path, 0 for the leaf.
  public let index: Int
  /// What was found.
  public let text: String
  /// Seconds until the path begins to be good, or since it ended (negative), where nothing else is wrong with it; nil
  /// otherwise. With a service's own certificates it is most likely this machine's clock that is wrong.
  public let offset: Int64?

  public init(_ rule: String, _ index: Int, _ text: String, offset: Int64? = nil) {
    self.rule = rule
    self.index = index
    self.text = text
    self.offset = offset
  }

  public var description: String { "certificate \(index), rule \(rule): \(text)" }
}
