/// Why an OCSP answer does not show that a certificate is good: the rule and what was found.
public struct OCSPRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  /// What follows from it.
  public enum Meaning: Sendable, Equatable {
    /// The answer is worth nothing; another one may be good.
    case unusable
    /// The authority says that the certificate is revoked.
    case revoked
    /// The authority does not know the certificate.
    case unknown
  }
  /// Short name of the rule, for example "ocsp times".
  public let rule: String
  public let meaning: Meaning
  /// What was found.
  public let text: String

  init(_ rule: String, _ text: String, _ meaning: Meaning = .unusable) {
    self.rule = rule
    self.text = text
    self.meaning = meaning
  }

  public var description: String { "rule \(rule): \(text)" }
}
