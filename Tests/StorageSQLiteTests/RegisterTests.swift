import Bytes
import Cryptography
import Payments
import Testing

@testable import StorageSQLite

/// Companies, consultants, certificates and tokens.
@Suite struct RegisterTests {
  @Test func aCompanyIsFoundByNameAndId() throws {
    let store = try TestLedger().open()
    try store.write { store in
      let id = try store.insertCompany(name: "여행사 \"A\"", time: TestLedger.time)
      let expected = CompanyRow(id: id, name: "여행사 \"A\"", revoked: false)
      let (byName, byId) = (try store.company(name: expected.name), try store.company(id: id))
      #expect(byName == expected && byId == expected)
    }
  }

  @Test func whatIsNotRegisteredIsNotFound() throws {
    let store = try TestLedger().open()
    let company = try store.company(name: "Nobody")
    let consultant = try store.consultant(id: 1)
    let certificate = try store.certificate(fingerprint: .zero)
    let token = try store.token(digest: .zero)
    #expect(company == nil && consultant == nil && certificate == nil && token == nil)
  }

  @Test func aCompanysNameIsTakenOnce() throws {
    let store = try TestLedger().openWithSession()
    try store.begin()
    #expect(throws: StoreError.conflict("name")) { try store.insertCompany(name: "Acme", time: 0) }
    store.rollback()
  }

  @Test func aConsultantsNameIsTakenOnceInACompany() throws {
    let store = try TestLedger().openWithSession()
    try store.write { store in
      #expect(throws: StoreError.conflict("name")) { try store.insertConsultant(company: 1, name: "Kim", time: 0) }
      let elsewhere = try store.insertConsultant(company: 2, name: "Kim", time: 0)
      let found = try store.consultant(id: elsewhere)
      #expect(found == ConsultantRow(id: elsewhere, company: 2, name: "Kim", revoked: false))
    }
  }

  @Test(arguments: [CertificateRow.Holder.consultant(1), .company(2), .administrator(3)])
  func aCertificateIsFoundByFingerprintAndSerial(holder: CertificateRow.Holder) throws {
    let store = try TestLedger().open()
    let row = Self.certificate(1, holder: holder, macAddress: holder == .consultant(1) ? TestLedger.mac : nil)
    try store.write { try $0.insertCertificate(row) }
    let byFingerprint = try store.certificate(fingerprint: row.fingerprint)
    let bySerial = try store.certificate(issuer: row.issuer, serial: row.serial)
    let other = try store.certificate(issuer: row.issuer, serial: [0])
    #expect(byFingerprint == row && bySerial == row && other == nil)
  }

  @Test func theSameCertificateAgainChangesNothing() throws {
    let store = try TestLedger().open()
    let row = Self.certificate(1)
    var again = row
    again.holder = .company(9)
    try store.write { store in
      try store.insertCertificate(row)
      try store.insertCertificate(again)
    }
    let found = try store.certificate(fingerprint: row.fingerprint)
    #expect(found == row)
  }

  @Test func anIssuersSerialIsTakenOnce() throws {
    let store = try TestLedger().open()
    try store.begin()
    try store.insertCertificate(Self.certificate(1))
    var other = Self.certificate(1)
    other.fingerprint = SHA256.digest([99])
    #expect(throws: StoreError.conflict("serial")) { try store.insertCertificate(other) }
    store.rollback()
  }

  @Test func aTokenKeepsWhatItWasUsedFor() throws {
    let store = try TestLedger().open()
    var row = TokenRow(digest: SHA256.digest([1]), consultant: 4, notAfter: TestLedger.time)
    try store.write { try $0.insertToken(row) }
    let unused = try store.token(digest: row.digest)
    #expect(unused == row)
    (row.request, row.certificate) = (SHA256.digest([2]), SHA256.digest([3]))
    try store.write {
      try $0.useToken(digest: row.digest, request: SHA256.digest([2]), certificate: SHA256.digest([3]), time: 5)
    }
    let used = try store.token(digest: row.digest)
    #expect(used == row)
  }

  @Test func aTokenIsMadeOnce() throws {
    let store = try TestLedger().open()
    let row = TokenRow(digest: SHA256.digest([1]), consultant: 4, notAfter: 0)
    try store.begin()
    try store.insertToken(row)
    #expect(throws: StoreError.conflict("digest")) { try store.insertToken(row) }
    store.rollback()
  }

  private static func certificate(
    _ number: UInt8, holder: CertificateRow.Holder = .consultant(1), macAddress: MACAddress? = TestLedger.mac
  ) -> CertificateRow {
    CertificateRow(
      fingerprint: SHA256.digest([number]), der: [0x30, number], issuer: [0x30, 0], serial: [number, 1],
      issuerText: "CN=Issuing", subjectText: "CN=Kim,O=Acme", holder: holder, macAddress: macAddress,
      notAfter: 1_800_000_000)
  }
}
