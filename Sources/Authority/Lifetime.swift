import Cryptography

/// How long certificates live, in seconds.
public enum Lifetime {
  static let day: Int64 = 86_400
  /// Certificates begin this long before they are made, for terminals with slow clocks.
  public static let leeway: Int64 = 300
  public static let root: Int64 = 10 * 365 * day
  public static let issuing: Int64 = 5 * 365 * day
  /// Of a terminal's or gateway's signed profile: as long as a consultant's certificate.
  public static let profile: Int64 = of(.consultant)

  /// Of a leaf.
  public static func of(_ role: Role) -> Int64 {
    switch role {
    case .consultant, .server, .gateway: 90 * day
    case .company, .administrator, .bundle: 365 * day
    case .sealing, .ocsp: 30 * day
    }
  }
}

extension Certificate {
  /// When the last third of its life begins, in which it is renewed; seconds since 1970-01-01T00:00:00Z.
  public var lastThird: Int64 { notAfter - (notAfter - notBefore) / 3 }

  /// Whether who issued it for itself issues it anew: in its last third, or where it is not valid yet, because it was
  /// issued while the clock was ahead.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  public func isToBeRenewed(at now: Int64) -> Bool { now > lastThird || now < notBefore }
}
