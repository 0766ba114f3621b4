import COpenSSL

/// How a leaf shows what its holder may do.
public enum RoleMark: Sendable, Equatable {
  /// By the extended key usage of this service's own authority, and no other of them.
  case own
  /// By an extended key usage of an outside authority, dotted; never beside one of `others`, which give another role.
  case usage(String, others: Set<String>)
  /// By a certificate policy that is valid for the whole path (RFC 5280 section 6.1), dotted; never beside one of
  /// `others`, which give another role.
  case policy(String, others: Set<String>)
}

/// Certificates that are trusted for one role, and how leaves below them show it.
public struct TrustAnchor: Sendable {
  /// Name of the service's own authority.
  public static let builtIn = "built-in"

  /// For journal and people.
  public let name: String
  /// Self-signed.
  public let certificates: [Certificate]
  public let role: Role
  public let mark: RoleMark

  public init(name: String, certificates: [Certificate], role: Role, mark: RoleMark = .own) {
    self.name = name
    self.certificates = certificates
    self.role = role
    self.mark = mark
  }
}

/// A chain that leads to an anchor.
public struct VerifiedPath: Sendable {
  /// Leaf first, the anchor's certificate last; at least two.
  public let certificates: [Certificate]
  public let anchor: TrustAnchor

  public var leaf: Certificate { certificates[0] }
  /// Who issued the leaf.
  public var issuer: Certificate { certificates[1] }
}

extension RoleMark {
  /// Whether `text` is an object identifier in its dotted form, for example "1.2.410.200004.10.1".
  public static func isIdentifier(_ text: String) -> Bool {
    defer { takeErrors() }
    guard text.utf8.count <= 128, let object = OBJ_txt2obj(text, 1) else { return false }
    defer { ASN1_OBJECT_free(object) }
    return dotted(object) == text
  }
}
