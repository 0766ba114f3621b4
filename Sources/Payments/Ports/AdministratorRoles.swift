/// What an administrator may do. Raw values are stored.
public struct AdministratorRoles: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Registers companies, consultants and gateways, and looks after payments.
  public static let paymentOperator = AdministratorRoles(rawValue: 1)
  /// Reads everything and changes nothing.
  public static let auditor = AdministratorRoles(rawValue: 2)
  /// Decides who is trusted: administrators, certificates, the kill switch, keys.
  public static let securityOfficer = AdministratorRoles(rawValue: 4)

  /// What the administrator that a new service begins with has.
  public static let all: AdministratorRoles = [.paymentOperator, .auditor, .securityOfficer]

  /// Names as people write them, for example "operator, auditor".
  public var names: String {
    let known: [(AdministratorRoles, String)] = [
      (.paymentOperator, "operator"), (.auditor, "auditor"), (.securityOfficer, "security officer"),
    ]
    return known.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}

/// An administrator of the register.
public struct AdministratorRow: Sendable, Equatable {
  public var id: Int64
  public var name: String
  public var roles: AdministratorRoles
  public init(id: Int64, name: String, roles: AdministratorRoles) {
    self.id = id
    self.name = name
    self.roles = roles
  }
}
