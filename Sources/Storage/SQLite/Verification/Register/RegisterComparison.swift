import Bytes
import Cryptography
import Payments

/// Compares the register's rows with what the journal says of each: whether it should be there, under which name, and
/// when and why it was revoked.
struct RegisterComparison {
  private(set) var problems: [RegisterProblem] = []
  private let contents: RegisterContents
  private let replay: RegisterReplay
  private let certificates: [Bytes32: CertificateKey]

  /// - Parameter acts: all of the journal, in order.
  init(_ acts: [RegisterAct], _ contents: RegisterContents) {
    self.contents = contents
    replay = RegisterReplay(acts, beside: contents)
    certificates = Dictionary(contents.certificates.map { ($0.row.fingerprint, $0.key) }) { first, _ in first }
    problems += replay.unreadable.map(RegisterProblem.unreadable)
    compareCompanies()
    compareConsultants()
    compareAdministrators()
    compareCertificates()
    compareDevices()
    compareGateways()
  }

  private mutating func tell(
    _ table: String, _ row: some CustomStringConvertible, _ journal: String, _ register: String
  ) {
    problems.append(RegisterProblem(table, row, journal: journal, register: register))
  }

  private mutating func compare(
    _ table: String, _ row: some CustomStringConvertible, _ recorded: RegisterReplay.Recorded?, _ found: Revoked?
  ) {
    guard recorded?.revoked != found else { return }
    tell(
      table, row, recorded.map { "\($0.revoked.text) (record \($0.record))" } ?? "not revoked",
      found?.text ?? "not revoked")
  }

  /// What is in only one of both.
  private mutating func compare(_ table: String, journal: [Int64: Int64], register: some Sequence<Int64>) {
    let there = Set(register)
    for id in there.subtracting(journal.keys).sorted() { tell(table, id, "nothing of it", "has it") }
    for (id, record) in journal.sorted(by: { $0.key < $1.key }) where !there.contains(id) {
      tell(table, id, "added (record \(record))", "does not have it")
    }
  }

  // MARK: - Holders

  private mutating func compareCompanies() {
    compare("company", journal: replay.companies.mapValues(\.act.record), register: contents.companies.map(\.id))
    for row in contents.companies {
      guard let recorded = replay.companies[row.id] else { continue }
      let isNamed = "\(RecordedName.text(row.name)), certificate "
      compareName("company", row.id, row.name, row.time, recorded.act, isNamed: isNamed)
      compare("company", row.id, recorded.revocation, row.revocation)
    }
  }

  private mutating func compareConsultants() {
    compare(
      "consultant", journal: replay.consultants.mapValues(\.act.record), register: contents.consultants.map(\.id))
    for row in contents.consultants {
      guard let recorded = replay.consultants[row.id] else { continue }
      if let company = recorded.act.company, company != row.company {
        tell("consultant", row.id, "of company \(company) (record \(recorded.act.record))", "of company \(row.company)")
      }
      let isNamed = "\(RecordedName.text(row.name)), by "
      compareName("consultant", row.id, row.name, row.time, recorded.act, isNamed: isNamed)
      compare("consultant", row.id, recorded.revocation, row.revocation)
    }
  }

  /// - Parameter isNamed: how the record's text begins where the row has its name.
  private mutating func compareName(
    _ table: String, _ id: Int64, _ name: String, _ time: Int64, _ act: RegisterAct, isNamed: String
  ) {
    if !act.text.utf8.starts(with: isNamed.utf8) { tell(table, id, "\(act.text) (record \(act.record))", "\(name)") }
    if act.time != time {
      tell(
        table, id, "added at \(TimeText.instant(act.time)) (record \(act.record))",
        "added at \(TimeText.instant(time))")
    }
  }

  private mutating func compareAdministrators() {
    let administrators = replay.administrators
    compare(
      "administrator", journal: administrators.mapValues(\.act.record), register: contents.administrators.map(\.id))
    for row in contents.administrators {
      guard let recorded = administrators[row.id] else { continue }
      let act = recorded.act
      let isNamed = act.kind == .administratorRegistered ? "\(subject(of: row)), serial " : "\(Self.text(row)), "
      compareName("administrator", row.id, row.name, row.time, act, isNamed: isNamed)
      compareRoles(row, recorded.roles)
    }
  }

  private static func text(_ row: RegisterContents.Administrator) -> String {
    "administrator \(row.id) \(RecordedName.text(row.name))"
  }

  /// By which the service's own administrator is recorded: some characters of a name are written otherwise there.
  private func subject(of row: RegisterContents.Administrator) -> String {
    let own = contents.certificates.lazy.filter { $0.key.kind == 3 && $0.key.holder == row.id }
      .compactMap { try? Certificate(der: $0.row.der) }.first { ($0.commonName ?? $0.subjectText) == row.name }
    return own?.subjectText ?? "CN=\(row.name)"
  }

  private mutating func compareRoles(_ row: RegisterContents.Administrator, _ act: RegisterAct) {
    let given: [AdministratorRoles]
    if act.kind == .administratorRegistered {
      given = [.all]
    } else {
      let behind = act.kind == .rolesSet ? " in place of " : ", certificate "
      given = (UInt8(1)...7).map { AdministratorRoles(rawValue: $0) }
        .filter { act.text.utf8.starts(with: "\(Self.text(row)), \($0.names)\(behind)".utf8) }
    }
    // None: the row has another name, which is told.
    guard let roles = given.first, Int64(roles.rawValue) != row.roles else { return }
    let known = UInt8(exactly: row.roles).map { AdministratorRoles(rawValue: $0).names } ?? ""
    tell(
      "administrator", row.id, "\(roles.names) (record \(act.record))", known.isEmpty ? "no role that is known" : known)
  }

  // MARK: - Certificates, devices and gateways

  private mutating func compareCertificates() {
    let rows = Dictionary(contents.certificates.map { ($0.key, $0) }) { first, _ in first }
    for row in contents.certificates {
      guard let recorded = replay.certificates[row.key] else {
        tell(
          "certificate", row.key.serial, "nothing of it for \(row.key.holderText)", "has it for \(row.key.holderText)")
        continue
      }
      for text in row.row.contradictions {
        tell("certificate", row.key.serial, "registered (record \(recorded.record))", text)
      }
      if case .known(let device, record: let record) = recorded.device, device != row.row.macAddress {
        tell(
          "certificate", row.key.serial, "\(Self.text(device)) (record \(record))", Self.text(row.row.macAddress))
      }
      if !recorded.isUnsure { compare("certificate", row.key.serial, recorded.revocation, row.revocation) }
    }
    let counts = contents.certificates.reduce(into: [CertificateKey: Int]()) { $0[$1.key, default: 0] += 1 }
    for (key, count) in counts.sorted(by: { $0.key.serial < $1.key.serial }) {
      guard let recorded = replay.certificates[key], count > recorded.registrations else { continue }
      tell(
        "certificate", key.serial,
        "\(recorded.registrations) registered for \(key.holderText) (record \(recorded.record))",
        "has \(count) of this serial number for \(key.holderText)")
    }
    let lost = replay.certificates.filter { rows[$0.key] == nil }.sorted { $0.value.record < $1.value.record }
    for (key, recorded) in lost {
      tell(
        "certificate", key.serial, "registered for \(key.holderText) (record \(recorded.record))",
        "does not have it for \(key.holderText)")
    }
    for (serial, record) in replay.missingAdministrators {
      tell("certificate", serial, "registered for an administrator (record \(record))", "does not have it for one")
    }
    for (fingerprint, recorded) in replay.missing {
      tell("certificate", fingerprint, "\(recorded.revoked.text) (record \(recorded.record))", "does not have it")
    }
  }

  private static func text(_ device: MACAddress?) -> String { device.map { "bound to \($0)" } ?? "bound to no device" }

  private mutating func compareDevices() {
    let rows = Dictionary(contents.devices.map { ($0.name, $0.revocation) }) { first, _ in first }
    for name in Set(rows.keys).union(replay.devices.keys).sorted() {
      compare("device", name, replay.devices[name], rows[name])
    }
  }

  private mutating func compareGateways() {
    compare("gateway", journal: replay.gateways.mapValues(\.act.record), register: contents.gateways.map(\.company))
    for row in contents.gateways {
      guard let recorded = replay.gateways[row.company] else { continue }
      let act = recorded.act
      let hop = "\(row.host) port \(row.port), \(row.dnsName)"
      if !act.text.utf8.starts(with: "\(hop), by ".utf8) {
        tell("gateway", row.company, "\(act.text) (record \(act.record))", hop)
      }
      if recorded.number != row.number {
        tell("gateway", row.company, "registered \(recorded.number) times", "\(row.number) times")
      }
      let own = recorded.certificates.map { CertificateKey(serial: $0.company, kind: 2, holder: row.company) }
      let tls = recorded.certificates.map { CertificateKey(serial: $0.tls, kind: 4, holder: row.company) }
      for (expected, found) in [(own, row.companyCertificate), (tls, row.tlsCertificate)] {
        let key = found.flatMap { certificates[$0] }
        guard key != expected || found != nil && key == nil else { continue }
        tell(
          "gateway", row.company,
          expected.map { "certificate \($0.serial) (record \(recorded.certificates?.record ?? 0))" }
            ?? "no certificate",
          key.map { "certificate \($0.serial)" } ?? found.map { "fingerprint \(Hex.encode($0.bytes))" }
            ?? "no certificate")
      }
    }
  }
}
