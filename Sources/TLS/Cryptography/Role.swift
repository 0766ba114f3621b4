/// What a certificate's holder may do. One leaf has one role; roles cannot be exchanged.
///
/// Each role is an extended key usage (RFC 5280 section 4.2.1.12) under one private arc made from a UUID (ITU-T X.667).
public enum Role: UInt8, Sendable, CaseIterable {
  case consultant = 1
  case company = 2
  case administrator = 3
  case server = 4
  case gateway = 5
  case sealing = 6
  case ocsp = 7
  case bundle = 8

  /// 2.25.<UUID 5f0c1b0e-6a2d-4c57-9b3e-8d21f4a7c390 as a number>.
  public static let arc = "2.25.126339515928983172871057411372852167568"

  /// The role's object identifier in dotted form.
  public var identifier: String { "\(Self.arc).\(rawValue)" }

  /// Usages of the public arcs that go with the role: TLS server and client authentication, OCSP signing,
  /// code signing.
  var companions: [String] {
    switch self {
    case .server: ["1.3.6.1.5.5.7.3.1"]
    case .gateway: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]
    case .administrator: ["1.3.6.1.5.5.7.3.2"]
    case .ocsp: ["1.3.6.1.5.5.7.3.9"]
    case .bundle: ["1.3.6.1.5.5.7.3.3"]
    case .consultant, .company, .sealing: []
    }
  }
}
