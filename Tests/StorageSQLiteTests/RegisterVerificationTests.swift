import Bytes
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// The register of real files, changed with the sqlite3 program, against the journal. The texts of the records are the
/// service's; that it writes them like this is tried with every ledger of the service's tests.
@Suite struct RegisterVerificationTests {
  /// Serial numbers 01, 02, … in order of what is registered.
  private static func certificate(
    _ number: UInt8, _ holder: CertificateRow.Holder, _ device: UInt8? = nil
  ) -> CertificateRow {
    CertificateRow(certificates[Int(number)], holder: holder, macAddress: device.flatMap(Self.device))
  }

  private static let key = PrivateKey.generate(.p256)
  private static let certificates = made(by: "Issuing")
  /// Of other issuers, with the same serial numbers.
  private static let others = made(by: "Other")

  private static func made(by issuer: String) -> [Certificate] {
    func make(
      _ name: String, _ number: UInt8, _ holder: CertificateContents.Holder, by issuer: Certificate?
    ) -> Certificate {
      let contents = CertificateContents(
        commonName: name, serial: [number], notBefore: 1_700_000_000, notAfter: 1_800_000_000, holder: holder)
      guard let made = try? Certificate.make(contents, key: key.publicKey, issuer: issuer, signer: key) else {
        preconditionFailure("no certificate")
      }
      return made
    }
    let root = make(issuer, 1, .authority(pathLength: 0), by: nil)
    // The first has no number of its own: number 0 is nobody's.
    return (UInt8(0)...40).map {
      let name = $0 == 34 ? "Lee, operator" : [30, 31].contains($0) ? "Kim" : "own \($0)"
      return make(name, max(1, $0), .leaf(.consultant), by: root)
    }
  }

  private static func fingerprint(_ number: UInt8) -> Bytes32 { certificates[Int(number)].fingerprint }
  private static func device(_ number: UInt8) -> MACAddress? { MACAddress([2, 0, 0, 0, 0, number]) }

  /// Administrators 1 and 2, companies 1 and 2 with gateways, consultants 1 to 4 with terminals; revoked are consultant 2,
  /// company 2 with its gateway, certificate 06 of consultant 3, and device …:09 with that of consultant 4.
  private static func ledger() throws -> TestLedger {
    let ledger = try TestLedger()
    try ledger.open().write { try Acts(store: $0).all() }
    return ledger
  }

  /// Each at a time of its own.
  private final class Acts {
    let store: SQLiteStore
    var time = TestLedger.time

    init(store: SQLiteStore) { self.store = store }

    func event(_ kind: EventKind, consultant: Int64? = nil, company: Int64? = nil, _ text: String) throws {
      _ = try store.insertEvent(
        EventRow(kind: kind, consultant: consultant, company: company, time: time, text: text))
      time += 1_000
    }

    func all() throws {
      let admin = try store.insertAdministrator(name: "tester", roles: .all, time: time)
      try store.insertCertificate(certificate(1, .administrator(admin)))
      try event(.administratorRegistered, "CN=tester, serial 01")
      let other = try store.insertAdministrator(name: "Park, operator", roles: .auditor, time: time)
      try store.insertCertificate(certificate(2, .administrator(other)))
      try event(
        .administratorAdded, "administrator 2 \"Park, operator\", auditor, certificate 02, by CN=tester, serial 01")
      let everything = "Zed, operator, auditor, security officer, certificate 00"
      let third = try store.insertAdministrator(name: everything, roles: .auditor, time: time)
      try store.insertCertificate(certificate(33, .administrator(third)))
      try event(
        .administratorAdded,
        "administrator 3 \"\(everything)\", auditor, certificate 21, by CN=x\\, certificate 02, serial 01")
      for (number, name) in [(1, "Acme, certificate 99, by me"), (2, "Other")] as [(UInt8, String)] {
        let company = try store.insertCompany(name: name, time: time)
        try store.insertCertificate(certificate(2 + number, .company(company)))
        try event(
          .companyAdded, company: company,
          "\(RecordedName.text(name)), certificate 0\(2 + number), by CN=tester, serial 01")
        try addGateway(company, certificates: 10 * number)
      }
      for consultant in Int64(1)...4 {
        let name = consultant == 4 ? #"Kim 4, by "Lee\", ok"# : "Kim \(consultant)"
        _ = try store.insertConsultant(company: consultant == 2 ? 2 : 1, name: name, time: time)
        let company: Int64 = consultant == 2 ? 2 : 1
        try event(
          .consultantAdded, consultant: consultant, company: company,
          "\(RecordedName.text(name)), by CN=tester, serial 01")
        let number = UInt8(4 + consultant)
        try store.insertCertificate(certificate(number, .consultant(consultant), consultant == 4 ? 9 : number))
        try event(
          .enrolled, consultant: consultant, company: company,
          "certificate 0\(number), MAC address 02:00:00:00:00:0\(consultant == 4 ? 9 : number), test/1")
      }
      try outside()
      try event(.rolesSet, #"administrator 2 "Park, operator", operator, auditor in place of auditor, by CN=x"#)
      try store.setRoles(administrator: 2, [.auditor, .paymentOperator])
      try revocations()
    }

    private func addGateway(_ company: Int64, certificates number: UInt8) throws {
      var row = GatewayRow(
        company: company, host: "10.0.0.1", port: 7_443, dnsName: "gateway.test", number: 1,
        token: SHA256.digest([number]), tokenNotAfter: 0)
      try store.setGateway(row)
      try event(.gatewayAdded, company: company, "10.0.0.1 port 7443, gateway.test, by CN=tester, serial 01")
      try store.insertCertificate(certificate(number + 1, .company(company)))
      try store.insertCertificate(certificate(number + 2, .gateway(company)))
      (row.companyCertificate, row.tlsCertificate) = (fingerprint(number + 1), fingerprint(number + 2))
      try store.setGateway(row)
      let (own, tls) = (Hex.encode([number + 1]), Hex.encode([number + 2]))
      try event(.gatewayEnrolled, company: company, "company certificate \(own), TLS certificate \(tls), test/1")
    }

    /// Consultant 1 has certificates of an outside authority, and renews the own one.
    private func outside() throws {
      try store.insertCertificate(certificate(30, .consultant(1)))
      try event(
        .certificateRegistered, consultant: 1,
        "certificate 1e of authority national, matched by subject: CN=Kim 30, issued by CN=x, by CN=tester, serial 01")
      try store.setDevice(certificates: [fingerprint(30)], macAddress: #require(RegisterVerificationTests.device(7)))
      try event(
        .enrolled, consultant: 1, company: 1,
        "certificate 1e of authority national, MAC address 02:00:00:00:00:07, test/1")
      try store.insertCertificate(certificate(31, .consultant(1), 7))
      try event(
        .certificateRegistered, consultant: 1,
        "certificate 1f of authority national, matched by subject with 1e: CN=Kim 31")
      try store.insertCertificate(certificate(32, .consultant(1), 5))
      try event(.renewed, consultant: 1, company: 1, "certificate 05 by 20, test/1")
    }

    private func revocations() throws {
      try revoke(.consultant(2), "consultant 2", .keyCompromise)
      try revoke(.company(2), "company 2", .cessationOfOperation)
      try revoke(.certificate(fingerprint(7)), "certificate \(Hex.encode(fingerprint(7).bytes))", .superseded)
      try revoke(
        .device(#require(RegisterVerificationTests.device(9))), "device 02:00:00:00:00:09", .unspecified)
      // Once more, for another reason: what is revoked keeps its own.
      try revoke(.consultant(2), "consultant 2", .unspecified)
      // With the certificate of a gateway goes the company's of the same machine.
      try revoke(.certificate(fingerprint(12)), "certificate \(Hex.encode(fingerprint(12).bytes))", .keyCompromise)
    }

    private func revoke(_ target: RevocationTarget, _ text: String, _ reason: RevocationReason) throws {
      _ = try #require(try store.revoke(target, reason: reason, time: time))
      try event(.revoked, "\(text), \(reason.name), 0 sessions, 1 certificates, by CN=tester, serial 01: a, b")
    }

    private func certificate(
      _ number: UInt8, _ holder: CertificateRow.Holder, _ device: UInt8? = nil
    ) -> CertificateRow {
      RegisterVerificationTests.certificate(number, holder, device)
    }

    private func fingerprint(_ number: UInt8) -> Bytes32 { RegisterVerificationTests.fingerprint(number) }
  }

  private static func problems(_ ledger: TestLedger, pageNumbers: Int64 = 5) async throws -> [String] {
    let verifier = try JournalVerifier(
      path: ledger.path, key: ledger.key.publicKey, workers: 2, pageNumbers: pageNumbers)
    return try await verifier.compareRegister(try await verifier.run()).map(\.description)
  }

  @Test(arguments: [1, 7, 16_384] as [Int64]) func aRegisterThatNobodyTouchedAgrees(pageNumbers: Int64) async throws {
    #expect(try await Self.problems(try Self.ledger(), pageNumbers: pageNumbers) == [])
    #expect(try await Self.problems(try TestLedger()) == [])
  }

  /// What no head is over counts too.
  @Test func whatCameSinceTheLastHeadIsCompared() async throws {
    let ledger = try Self.ledger()
    let store = try ledger.open()
    try store.write { store in
      _ = try store.revoke(.consultant(3), reason: .superseded, time: TestLedger.time + 24_500)
      _ = try store.insertEvent(
        EventRow(
          kind: .revoked, consultant: 3, time: TestLedger.time + 24_500,
          text: "consultant 3, superseded, 0 sessions, 1 certificates, by CN=tester, serial 01: "))
    }
    #expect(try await Self.problems(ledger) == [])
    try ledger.sqlite("UPDATE consultant SET revoked = NULL, reason = NULL WHERE id = 3")
    #expect(try await Self.problems(ledger).count == 1)
  }

  /// SQL that puts a certificate under its own fingerprint in the place of another.
  private static func set(_ certificate: Certificate) -> String {
    "der = x'\(Hex.encode(certificate.der))', fingerprint = x'\(Hex.encode(certificate.fingerprint.bytes))'"
  }

  /// Two authorities may give one number.
  @Test func certificatesOfTwoIssuersWithOneSerialNumberAgreeWithTwoRecords() async throws {
    let ledger = try Self.ledger()
    try ledger.open().write {
      let row = CertificateRow(Self.others[30], holder: .consultant(1), macAddress: nil)
      try $0.insertCertificate(row)
      _ = try $0.insertEvent(
        EventRow(
          kind: .certificateRegistered, consultant: 1, time: TestLedger.time + 90_000,
          text: "certificate 1e of authority other, matched by subject: CN=Kim, issued by CN=x, by CN=tester, serial 01"
        ))
      try $0.setDevice(certificates: [row.fingerprint], macAddress: #require(Self.device(7)))
    }
    #expect(try await !Self.problems(ledger).contains { $0.contains("of this serial number") })
  }

  /// The administrator whose certificate is gone is told by name.
  @Test func aRemovedCertificateOfAnAdministratorIsToldOnce() async throws {
    let ledger = try Self.ledger()
    try ledger.sqlite("DELETE FROM certificate WHERE serial = x'01'")
    #expect(try await Self.problems(ledger).count == 1)
  }

  /// Changes, and the begin of what is told of each: table, row, and a part of both sides.
  private static let changes: [(change: String, begin: String, words: [String])] = [
    (
      "UPDATE consultant SET revoked = NULL, reason = NULL WHERE id = 2", "table consultant, row 2",
      ["the journal says revoked at", "for key-compromise (record", "the register not revoked"]
    ),
    (
      "UPDATE consultant SET revoked = 1, reason = 0 WHERE id = 1", "table consultant, row 1",
      ["says not revoked", "the register revoked at 1970-01-01 00:00:00.001 UTC for unspecified"]
    ),
    ("UPDATE consultant SET revoked = revoked + 1 WHERE id = 2", "table consultant, row 2", ["revoked at"]),
    ("UPDATE consultant SET reason = 5 WHERE id = 2", "table consultant, row 2", ["for cessation-of-operation"]),
    ("UPDATE consultant SET company = 2 WHERE id = 1", "table consultant, row 1", ["of company 1 (record"]),
    ("UPDATE consultant SET name = 'Lee' WHERE id = 3", "table consultant, row 3", ["Kim 3, by CN=tester"]),
    ("DELETE FROM consultant WHERE id = 2", "table consultant, row 2", ["says added (record", "does not have it"]),
    (
      "INSERT INTO consultant (company, name, time) VALUES (1, 'Eve', 1)", "table consultant, row 5",
      ["says nothing of it", "the register has it"]
    ),
    ("UPDATE company SET revoked = NULL, reason = NULL", "table company, row 2", ["for cessation-of-operation"]),
    ("UPDATE company SET name = 'Eve' WHERE id = 1", "table company, row 1", ["Acme, certificate 99", "Eve"]),
    ("UPDATE company SET time = 1 WHERE id = 1", "table company, row 1", ["added at 1970-01-01"]),
    (
      "UPDATE certificate SET revoked = NULL, reason = NULL WHERE serial = x'06'", "table certificate, row 06",
      ["for key-compromise", "not revoked"]
    ),
    ("UPDATE certificate SET revoked = NULL, reason = NULL WHERE serial = x'07'", "table certificate, row 07", []),
    ("UPDATE certificate SET revoked = NULL, reason = NULL WHERE serial = x'08'", "table certificate, row 08", []),
    ("UPDATE certificate SET revoked = NULL, reason = NULL WHERE serial = x'15'", "table certificate, row 15", []),
    ("UPDATE certificate SET revoked = NULL, reason = NULL WHERE serial = x'0b'", "table certificate, row 0b", []),
    ("UPDATE certificate SET revoked = 1, reason = 1 WHERE serial = x'05'", "table certificate, row 05", []),
    (
      "UPDATE certificate SET mac = x'020000000001' WHERE serial = x'05'", "table certificate, row 05",
      ["says bound to 02:00:00:00:00:05 (record", "bound to 02:00:00:00:00:01"]
    ),
    ("UPDATE certificate SET mac = NULL WHERE serial = x'1f'", "table certificate, row 1f", ["bound to no device"]),
    ("UPDATE certificate SET mac = x'020000000001' WHERE serial = x'20'", "table certificate, row 20", []),
    (
      "UPDATE certificate SET holder = 1 WHERE serial = x'07'", "table certificate, row 07",
      ["nothing of it for consultant 1"]
    ),
    ("UPDATE certificate SET der = x'3099' WHERE serial = x'05'", "table certificate, row 05", ["no certificate"]),
    (
      "UPDATE certificate SET der = x'3099', fingerprint = x'\(Hex.encode(SHA256.digest([0x30, 0x99]).bytes))' "
        + "WHERE serial = x'05'", "table certificate, row 05",
      ["says registered (record", "the register 2 bytes that are no certificate"]
    ),
    (
      "UPDATE certificate SET \(set(certificates[40])) WHERE serial = x'05'", "table certificate, row 05",
      ["serial 05, and its certificate 28"]
    ),
    (
      "UPDATE certificate SET \(set(others[5])) WHERE serial = x'05'", "table certificate, row 05",
      ["issuer 30", "and its certificate 30"]
    ),
    (
      "UPDATE certificate SET der = x'\(Hex.encode(others[5].der))' WHERE serial = x'05'",
      "table certificate, row 05", ["fingerprint \(Hex.encode(fingerprint(5).bytes)), and its certificate"]
    ),
    (
      "UPDATE certificate SET issuer = x'3000' WHERE serial = x'05'", "table certificate, row 05",
      ["issuer 3000, and its certificate 30"]
    ),
    (
      "UPDATE certificate SET issuer_text = 'CN=Eve' || char(10) WHERE serial = x'05'", "table certificate, row 05",
      ["issuer_text CN=Eve\\0A, and its certificate CN=Issuing"]
    ),
    (
      "UPDATE certificate SET subject_text = 'CN=Eve' WHERE serial = x'05'", "table certificate, row 05",
      ["subject_text CN=Eve, and its certificate CN=own 5"]
    ),
    (
      "UPDATE certificate SET not_after = 9223372036854775807 WHERE serial = x'05'", "table certificate, row 05",
      ["not_after 9223372036854775807, and its certificate 1800000000"]
    ),
    (
      """
      INSERT INTO certificate SELECT x'\(Hex.encode(others[5].fingerprint.bytes))', x'\(Hex.encode(others[5].der))',
        x'\(Hex.encode(others[5].issuerDER))', serial, 'CN=Other', subject_text, holder_kind, holder, mac, not_after,
        revoked, reason FROM certificate WHERE serial = x'05'
      """, "table certificate, row 05",
      ["says 1 registered for consultant 1 (record", "has 2 of this serial number for consultant 1"]
    ),
    ("DELETE FROM certificate WHERE serial = x'05'", "table certificate, row 05", ["registered for consultant 1"]),
    (
      "DELETE FROM certificate WHERE serial = x'01'", "table certificate, row 01",
      ["registered for an administrator (record", "does not have it"]
    ),
    (
      "UPDATE certificate SET holder = 1 WHERE serial = x'02'", "table certificate, row 02",
      ["nothing of it for administrator 1"]
    ),
    ("DELETE FROM device", "table device, row 02:00:00:00:00:09", ["for unspecified (record", "not revoked"]),
    ("INSERT INTO device VALUES (x'020000000001', 1, 1)", "table device, row 02:00:00:00:00:01", ["not revoked"]),
    (
      "UPDATE administrator SET roles = 7 WHERE id = 2", "table administrator, row 2",
      ["says operator, auditor (record", "the register operator, auditor, security officer"]
    ),
    ("UPDATE administrator SET roles = 1 WHERE id = 1", "table administrator, row 1", ["the register operator"]),
    ("UPDATE administrator SET name = 'Eve' WHERE id = 1", "table administrator, row 1", ["CN=tester, serial 01"]),
    ("UPDATE administrator SET name = 'Eve' WHERE id = 2", "table administrator, row 2", [#"2 "Park, operator","#]),
    (
      "UPDATE administrator SET name = 'Park', roles = 3 WHERE id = 2", "table administrator, row 2",
      [#"2 "Park, operator", auditor"#, "the register Park"]
    ),
    (
      "UPDATE administrator SET name = 'Zed', roles = 7 WHERE id = 3", "table administrator, row 3",
      [#"3 "Zed, operator, auditor"#, "the register Zed"]
    ),
    (
      "UPDATE consultant SET name = 'Kim 4' WHERE id = 4", "table consultant, row 4",
      [#"4, by \"Lee"#, "register Kim 4"]
    ),
    ("UPDATE company SET name = 'Acme' WHERE id = 1", "table company, row 1", [#""Acme, certificate 99"#]),
    (
      "INSERT INTO administrator (name, roles, time) VALUES ('Eve', 7, 1)", "table administrator, row 4",
      ["says nothing of it"]
    ),
    ("UPDATE gateway SET host = '10.0.0.2' WHERE company = 1", "table gateway, row 1", ["10.0.0.1 port 7443"]),
    ("UPDATE gateway SET number = 2 WHERE company = 1", "table gateway, row 1", ["registered 1 times"]),
    ("DELETE FROM gateway WHERE company = 2", "table gateway, row 2", ["says added (record"]),
    (
      "UPDATE gateway SET tls_certificate = (SELECT tls_certificate FROM gateway WHERE company = 2) WHERE company = 1",
      "table gateway, row 1", ["certificate 0c (record", "certificate 16"]
    ),
    ("UPDATE gateway SET company_certificate = NULL WHERE company = 2", "table gateway, row 2", ["no certificate"]),
  ]

  @Test(arguments: changes.indices) func aChangedRowIsNamed(_ index: Int) async throws {
    let (change, begin, words) = Self.changes[index]
    let ledger = try Self.ledger()
    try ledger.sqlite(change)
    let problems = try await Self.problems(ledger)
    let found = problems.first { $0.hasPrefix(begin + ": the journal says ") }
    #expect(found != nil && words.allSatisfy { found?.contains($0) == true }, "\(change): \(problems)")
  }

  /// The service's own administrator is recorded by its certificate's subject.
  @Test func theNameOfTheServicesOwnAdministratorIsThatOfItsCertificate() async throws {
    let ledger = try TestLedger()
    try ledger.open().write {
      let id = try $0.insertAdministrator(name: "Lee, operator", roles: .all, time: TestLedger.time)
      try $0.insertCertificate(Self.certificate(34, .administrator(id)))
      _ = try $0.insertEvent(
        EventRow(
          kind: .administratorRegistered, time: TestLedger.time,
          text: "\(Self.certificates[34].subjectText), serial 22"))
    }
    #expect(try await Self.problems(ledger) == [])
    try ledger.sqlite("UPDATE administrator SET name = 'Lee'")
    #expect(try await Self.problems(ledger).count == 1)
  }

  @Test(arguments: ["Kim", "Kim, Lee", #"Kim "the \ voice""#, "\"", ",", #"a\"#, #"a\,"#, "\u{301}x", "Kim,\u{301}"])
  func aRecordedNameIsReadAsItWas(_ name: String) {
    let text = RecordedName.text(name)
    #expect((text == name) == !(name.utf8.contains(0x2c) || name.utf8.contains(0x22)))
    var rest = Substring("\(text), by \"Lee\"")
    #expect(RecordedName.take(from: &rest).map { Array($0.utf8) } == Array(name.utf8))
    #expect(rest == ", by \"Lee\"")
  }

  @Test(arguments: [#""Kim"#, "\"", #""Kim\"#, #""Kim\""#]) func aRecordedNameWithoutEndIsNone(_ text: String) {
    var rest = Substring(text)
    #expect(RecordedName.take(from: &rest) == nil && rest == text)
  }

  /// A program that writes other texts is told apart from somebody who changed rows.
  @Test func aRecordThatIsNotUnderstoodIsNamed() async throws {
    let ledger = try Self.ledger()
    try ledger.open().write {
      _ = try $0.insertEvent(EventRow(kind: .revoked, time: TestLedger.time + 90_000, text: "everybody"))
    }
    let problems = try await Self.problems(ledger)
    #expect(
      problems.count == 1 && problems[0].contains("what this program does not understand: everybody"), "\(problems)")
  }
}
