import Bytes
import Payments

/// What the register must look like after what the journal records, act by act, by the rules of ``SQLiteStore``.
///
/// The journal names a certificate by its serial number and holder; which issuer and subject that is, and which holder an
/// administrator's first certificate has, is taken from the register: changing those is found because then another row
/// is missing or too many.
struct RegisterReplay {
  /// A revocation, and the record that says so.
  struct Recorded: Equatable {
    var record: Int64
    var revoked: Revoked
  }

  /// A company, consultant or administrator.
  struct Holder {
    var act: RegisterAct
    var revocation: Recorded?
  }

  struct Administrator {
    var act: RegisterAct
    /// The last record that sets its roles.
    var roles: RegisterAct
  }

  struct Certificate {
    var record: Int64
    var device: Device
    var revocation: Recorded?
    /// Whether its device was revoked while it is not known whether it was this one.
    var isUnsure = false
    /// How many records register one of this serial number for this holder: of several issuers, or one several times.
    var registrations = 1
  }

  /// What device a certificate is bound to.
  enum Device {
    case known(MACAddress?, record: Int64)
    /// Taken over from one of several certificates of the subject; which, no record says.
    case unknown

    func isSame(as other: Device) -> Bool {
      switch (self, other) {
      case (.known(let own, record: _), .known(let others, record: _)): own == others
      default: false
      }
    }
  }

  struct Gateway {
    /// The last record that adds it.
    var act: RegisterAct
    /// How many did.
    var number: Int64
    /// Serial numbers, once it enrolled.
    var certificates: (company: String, tls: String, record: Int64)?
  }

  private(set) var companies: [Int64: Holder] = [:]
  private(set) var consultants: [Int64: Holder] = [:]
  private(set) var administrators: [Int64: Administrator] = [:]
  private(set) var certificates: [CertificateKey: Certificate] = [:]
  private(set) var devices: [String: Recorded] = [:]
  private(set) var gateways: [Int64: Gateway] = [:]
  /// Revocations of certificates that the register does not have, by fingerprint.
  private(set) var missing: [(fingerprint: String, recorded: Recorded)] = []
  /// Certificates of the service's own administrators that the register does not have.
  private(set) var missingAdministrators: [(serial: String, record: Int64)] = []
  /// Acts whose text is none that this program writes.
  private(set) var unreadable: [RegisterAct] = []

  private let rows: [CertificateKey: RegisterContents.Certificate]
  private let keys: [Bytes32: CertificateKey]
  private let names: [RegisterContents.Administrator]
  private let administratorKeys: [String: CertificateKey]
  private var keysOfHolders: [CertificateKey: [CertificateKey]] = [:]

  /// - Parameter acts: in order of their records.
  init(_ acts: [RegisterAct], beside contents: RegisterContents) {
    let all = contents.certificates
    rows = Dictionary(all.map { ($0.key, $0) }) { first, _ in first }
    keys = Dictionary(all.map { ($0.row.fingerprint, $0.key) }) { first, _ in first }
    names = contents.administrators
    administratorKeys = Dictionary(all.filter { $0.key.kind == 3 }.map { ($0.key.serial, $0.key) }) { first, _ in first
    }
    for act in acts where !take(act) { unreadable.append(act) }
  }

  /// - Returns: false where the text is none that this program writes.
  private mutating func take(_ act: RegisterAct) -> Bool {
    switch act.kind {
    case .companyAdded: addCompany(act)
    case .consultantAdded: addConsultant(act)
    case .gatewayAdded: addGateway(act)
    case .gatewayEnrolled: enrolGateway(act)
    case .enrolled: enrol(act)
    case .renewed: renew(act)
    case .certificateRegistered: register(act)
    case .administratorRegistered: registerAdministrator(act)
    case .administratorAdded: addAdministrator(act)
    case .rolesSet: setRoles(act)
    case .revoked: revoke(act)
    default: true
    }
  }
}

// MARK: - Who comes

extension RegisterReplay {
  private mutating func addCompany(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let id = act.company, text.name() != nil, text.skip(", certificate "), let serial = text.hex() else {
      return false
    }
    companies[id] = Holder(act: act)
    add(CertificateKey(serial: serial, kind: 2, holder: id), act, .known(nil, record: act.record))
    return true
  }

  private mutating func addConsultant(_ act: RegisterAct) -> Bool {
    guard let id = act.consultant, act.company != nil else { return false }
    consultants[id] = Holder(act: act)
    return true
  }

  private mutating func registerAdministrator(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard text.behindLast(", serial "), let serial = text.hex() else { return false }
    guard let key = administratorKeys[serial] else {
      missingAdministrators.append((serial, act.record))
      // Whose it was, its name tells as well.
      let named = names.first { act.text.utf8.starts(with: "CN=\($0.name), serial ".utf8) }
      if let id = named?.id, administrators[id] == nil { administrators[id] = Administrator(act: act, roles: act) }
      return true
    }
    if administrators[key.holder] == nil { administrators[key.holder] = Administrator(act: act, roles: act) }
    add(key, act, .known(nil, record: act.record))
    return true
  }

  private mutating func addAdministrator(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard text.skip("administrator "), let id = text.number(), text.skip(" "), text.name() != nil,
      text.upTo(", certificate ") != nil, let serial = text.hex()
    else { return false }
    administrators[id] = Administrator(act: act, roles: act)
    add(CertificateKey(serial: serial, kind: 3, holder: id), act, .known(nil, record: act.record))
    return true
  }

  private mutating func setRoles(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard text.skip("administrator "), let id = text.number() else { return false }
    administrators[id]?.roles = act
    return true
  }

  private mutating func addGateway(_ act: RegisterAct) -> Bool {
    guard let company = act.company else { return false }
    let former = gateways[company]
    gateways[company] = Gateway(act: act, number: (former?.number ?? 0) + 1, certificates: former?.certificates)
    return true
  }
}

// MARK: - Certificates

extension RegisterReplay {
  private mutating func add(_ key: CertificateKey, _ act: RegisterAct, _ device: Device) {
    let before = certificates[key]?.registrations ?? 0
    certificates[key] = Certificate(record: act.record, device: device, registrations: before + 1)
    keysOfHolders[CertificateKey(serial: "", kind: key.kind, holder: key.holder), default: []].append(key)
  }

  private func keys(ofKind kind: Int64, _ holder: Int64) -> [CertificateKey] {
    keysOfHolders[CertificateKey(serial: "", kind: kind, holder: holder)] ?? []
  }

  private mutating func enrolGateway(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let company = act.company, text.skip("company certificate "), let own = text.hex(),
      text.skip(", TLS certificate "), let tls = text.hex()
    else { return false }
    add(CertificateKey(serial: own, kind: 2, holder: company), act, .known(nil, record: act.record))
    add(CertificateKey(serial: tls, kind: 4, holder: company), act, .known(nil, record: act.record))
    gateways[company]?.certificates = (own, tls, act.record)
    return true
  }

  private mutating func enrol(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let consultant = act.consultant, text.skip("certificate "), let serial = text.hex() else { return false }
    let isOutside = text.skip(" of authority ")
    guard text.upTo(", MAC address ") != nil, let device = Self.device(text.rest.prefix(17)) else { return false }
    let key = CertificateKey(serial: serial, kind: 1, holder: consultant)
    let bound = Device.known(device, record: act.record)
    guard isOutside else {
      add(key, act, bound)
      return true
    }
    // An administrator registered it before, and all good ones of its subject go to the device.
    let others = rows[key].map { row in keys(ofKind: 1, consultant).filter { isOfSubject($0, row) } } ?? []
    for same in others + [key] where certificates[same]?.revocation == nil { certificates[same]?.device = bound }
    return true
  }

  private mutating func renew(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let consultant = act.consultant, text.skip("certificate "), let old = text.hex(), text.skip(" by "),
      let new = text.hex()
    else { return false }
    let former = certificates[CertificateKey(serial: old, kind: 1, holder: consultant)]
    add(CertificateKey(serial: new, kind: 1, holder: consultant), act, former?.device ?? .unknown)
    return true
  }

  private mutating func register(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard text.skip("certificate "), let serial = text.hex() else { return false }
    let key: CertificateKey
    if let consultant = act.consultant {
      key = CertificateKey(serial: serial, kind: 1, holder: consultant)
    } else if let company = act.company {
      key = CertificateKey(serial: serial, kind: 2, holder: company)
    } else {
      return false
    }
    // Of a login, which takes over the device of one certificate of the subject; an administrator names none.
    if text.upTo(", matched by subject with ") != nil, let serial = text.hex() {
      let former = CertificateKey(serial: serial, kind: key.kind, holder: key.holder)
      add(key, act, certificates[former]?.device ?? .unknown)
    } else {
      add(key, act, key.kind == 1 ? inherited(key, act) : .known(nil, record: act.record))
    }
    return true
  }

  /// The device that a certificate which an administrator registers takes over from one of the same subject; unknown
  /// where it depends on which one.
  private func inherited(_ key: CertificateKey, _ act: RegisterAct) -> Device {
    guard let row = rows[key] else { return .unknown }
    let same = certificates.filter {
      $0.key.kind == 1 && $0.key != key && $0.value.revocation == nil && isOfSubject($0.key, row)
    }
    guard let first = same.first else { return .known(nil, record: act.record) }
    let isOne = same.allSatisfy {
      !$0.value.isUnsure && $0.key.holder == first.key.holder && $0.value.device.isSame(as: first.value.device)
    }
    return isOne ? first.value.device : .unknown
  }

  private func isOfSubject(_ key: CertificateKey, _ row: RegisterContents.Certificate) -> Bool {
    rows[key].map { $0.row.issuer == row.row.issuer && $0.row.subjectText == row.row.subjectText } ?? false
  }

  private static func device(_ text: some StringProtocol) -> MACAddress? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 6, parts.allSatisfy({ $0.count == 2 }) else { return nil }
    return Hex.decode(parts.joined()).flatMap { MACAddress($0) }
  }
}

// MARK: - Who goes

extension RegisterReplay {
  private mutating func revoke(_ act: RegisterAct) -> Bool {
    var text = ActText(act.text)
    guard let target = text.upTo(", "), let name = text.upTo(", "),
      let reason = RevocationReason.allCases.first(where: { $0.name == name })
    else { return false }
    let recorded = Recorded(record: act.record, revoked: Revoked(time: act.time, reason: Int64(reason.rawValue)))
    var named = ActText(target)
    if named.skip("consultant "), let id = named.number() {
      if consultants[id]?.revocation == nil { consultants[id]?.revocation = recorded }
      revoke(keys(ofKind: 1, id), recorded)
    } else if named.skip("company "), let id = named.number() {
      if companies[id]?.revocation == nil { companies[id]?.revocation = recorded }
      revoke(keys(ofKind: 2, id) + keys(ofKind: 4, id), recorded)
    } else if named.skip("certificate "), let fingerprint = named.hex() {
      revoke(fingerprint, recorded)
    } else if named.skip("device "), let device = Self.device(named.rest) {
      if devices["\(device)"] == nil { devices["\(device)"] = recorded }
      for (key, certificate) in certificates where certificate.revocation == nil {
        switch certificate.device {
        case .known(device, record: _): certificates[key]?.revocation = recorded
        case .known: break
        case .unknown: certificates[key]?.isUnsure = true
        }
      }
    } else {
      return false
    }
    return true
  }

  private mutating func revoke(_ keys: [CertificateKey], _ recorded: Recorded) {
    for key in keys where certificates[key]?.revocation == nil { certificates[key]?.revocation = recorded }
  }

  /// One certificate; with that of a gateway for TLS the company's on the same machine.
  private mutating func revoke(_ fingerprint: String, _ recorded: Recorded) {
    guard let bytes = Hex.decode(fingerprint).flatMap({ Bytes32($0) }), let key = keys[bytes] else {
      missing.append((fingerprint, recorded))
      return
    }
    revoke([key], recorded)
    guard key.kind == 4, let pair = gateways[key.holder]?.certificates, pair.tls == key.serial else { return }
    revoke([CertificateKey(serial: pair.company, kind: 2, holder: key.holder)], recorded)
  }
}
