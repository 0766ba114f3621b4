/// Why a certificate path was refused: the rule, the certificate that broke it and what was found.
public struct CertificateRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// Short name of the rule, for example "validity".
  public let rule: String
  /// Place in the path, 0 for the leaf.
  public let index: Int
  /// What was found.
  public let text: String

  public init(_ rule: String, _ index: Int, _ text: String) {
    self.rule = rule
    self.index = index
    self.text = text
  }

  public var description: String { "certificate \(index), rule \(rule): \(text)" }
}
