import Bytes
import Cryptography
import Payments

/// The rows that are compared with the journal, of one moment: the register, and what is open.
struct RegisterContents: Sendable {
  struct Company: Sendable {
    var id: Int64
    var name: String
    var time: Int64
    var revocation: Revoked?
  }

  struct Consultant: Sendable {
    var id: Int64
    var company: Int64
    var name: String
    var time: Int64
    var revocation: Revoked?
  }

  struct Administrator: Sendable {
    var id: Int64
    var name: String
    var roles: Int64
    var time: Int64
  }

  struct Certificate: Sendable {
    var key: CertificateKey
    var row: CertificateRow
    /// As the columns have it, a reason that is none too.
    var revocation: Revoked?
  }

  struct Device: Sendable {
    var name: String
    var revocation: Revoked
  }

  struct Gateway: Sendable {
    var company: Int64
    var host: String
    var port: Int64
    var dnsName: String
    var number: Int64
    var companyCertificate: Bytes32?
    var tlsCertificate: Bytes32?
  }

  /// A refund or void.
  struct Operation: Sendable {
    var row: OperationRow
    /// Numbers of the row that the service does not write; nil: none.
    var unknown: String?
  }

  struct Unresolved: Sendable {
    var payment: Int64
    var state: Int64
    var attempts: Int64
  }

  struct KeyAct: Sendable {
    var row: KeyActRow
    /// As the column has it, a kind that is none too.
    var kind: Int64
  }

  var companies: [Company] = []
  var consultants: [Consultant] = []
  var administrators: [Administrator] = []
  var certificates: [Certificate] = []
  var devices: [Device] = []
  var gateways: [Gateway] = []
  var operations: [Operation] = []
  var unresolved: [Unresolved] = []
  /// Oldest first.
  var epochs: [LedgerEpoch] = []
  /// Times of the records before those that begin epochs, by these; milliseconds since 1970-01-01T00:00:00Z.
  var lostSince: [Int64: Int64] = [:]
  var keyActs: [KeyAct] = []
  /// Up to which number each payment has an outcome or is in `unresolved`.
  var mark: Int64 = 0
  /// Rows about open payments that are not open, or others.
  var stale: [RegisterProblem] = []

  /// The caller has a read transaction.
  init(_ database: Database) throws(StoreError) {
    companies = try database.prepare("SELECT id, name, time, revoked, reason FROM company ORDER BY id").all {
      Company(id: $0.int(0), name: $0.text(1), time: $0.int(2), revocation: Revoked(row: $0, from: 3))
    }
    consultants = try database.prepare(
      "SELECT id, company, name, time, revoked, reason FROM consultant ORDER BY id"
    ).all {
      Consultant(
        id: $0.int(0), company: $0.int(1), name: $0.text(2), time: $0.int(3), revocation: Revoked(row: $0, from: 4))
    }
    administrators = try database.prepare("SELECT id, name, roles, time FROM administrator ORDER BY id").all {
      Administrator(id: $0.int(0), name: $0.text(1), roles: $0.int(2), time: $0.int(3))
    }
    certificates = try database.prepare(
      """
      \(CertificateRow.columns) ORDER BY holder_kind, holder, fingerprint
      """
    ).all {
      let row = CertificateRow(row: $0)
      return Certificate(
        key: CertificateKey(serial: Hex.encode(row.serial), kind: $0.int(6), holder: $0.int(7)), row: row,
        revocation: Revoked(row: $0, from: 10))
    }
    devices = try database.prepare("SELECT mac, revoked, reason FROM device ORDER BY mac").all {
      Device(
        name: MACAddress($0.buffer(0)).map { "\($0)" } ?? Hex.encode($0.bytes(0)),
        revocation: Revoked(time: $0.int(1), reason: $0.int(2)))
    }
    gateways = try database.prepare(
      """
      SELECT company, host, port, dns_name, number, company_certificate, tls_certificate FROM gateway ORDER BY company
      """
    ).all {
      Gateway(
        company: $0.int(0), host: $0.text(1), port: $0.int(2), dnsName: $0.text(3), number: $0.int(4),
        companyCertificate: $0.isNull(5) ? nil : $0.bytes32(5), tlsCertificate: $0.isNull(6) ? nil : $0.bytes32(6))
    }
    operations = try database.prepare("\(OperationRow.columns) ORDER BY id").all(Operation.init(row:))
    unresolved = try database.prepare("SELECT payment, state, attempts FROM unresolved ORDER BY payment").all {
      Unresolved(payment: $0.int(0), state: $0.int(1), attempts: $0.int(2))
    }
    epochs = try SQLiteStore.epochs(database)
    keyActs = try database.prepare("\(KeyActRow.columns) ORDER BY id").all {
      KeyAct(row: KeyActRow(row: $0), kind: $0.int(1))
    }
    mark = try database.number("SELECT low_water FROM mark")
    stale = try Self.stale(database)
  }
}

extension RegisterContents.Operation {
  /// Reads ``OperationRow/columns``.
  fileprivate init(row: Statement) {
    self.row = OperationRow(row: row)
    let (kind, state, attempts, response) = (row.int(2), row.int(5), row.int(11), row.int(13))
    let isKnown =
      kind == self.row.kind.rawValue && state == self.row.state.rawValue && attempts == self.row.attempts
      && response == self.row.responseCode.value
    unknown = isKnown ? nil : "kind \(kind), state \(state), sent \(attempts) times, response \(response)"
  }
}

extension RegisterContents {
  /// Such rows stay until the payment has its outcome, or the epoch is confirmed: they are few.
  private static func stale(_ database: Database) throws(StoreError) -> [RegisterProblem] {
    let counted = try database.prepare(
      """
      SELECT c.payment FROM counted c LEFT JOIN payment p ON p.seq = c.payment AND p.company = c.company
        AND p.currency = c.currency AND p.amount = c.amount
      WHERE p.seq IS NULL OR EXISTS (SELECT 1 FROM outcome o WHERE o.payment = c.payment) ORDER BY c.payment
      """
    ).all { RegisterProblem("counted", $0.int(0), journal: "no such payment is open", register: "has it") }
    let charged = try database.prepare(
      "SELECT payment FROM charged WHERE NOT EXISTS (SELECT 1 FROM epoch WHERE confirmed IS NULL) ORDER BY payment"
    ).all { RegisterProblem("charged", $0.int(0), journal: "no epoch waits", register: "has it") }
    return counted + charged
  }
}

/// What records name a certificate by: its serial number and whose it is.
struct CertificateKey: Hashable, Sendable {
  /// Hexadecimal.
  var serial: String
  /// Kind and number of ``CertificateRow/Holder``.
  var kind: Int64
  var holder: Int64

  var holderText: String {
    switch kind {
    case 1: "consultant \(holder)"
    case 2: "company \(holder)"
    case 3: "administrator \(holder)"
    case 4: "the gateway of company \(holder)"
    default: "nobody (kind \(kind))"
    }
  }
}

/// When and why something was revoked, as the register's columns have it.
struct Revoked: Sendable, Equatable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  var time: Int64
  var reason: Int64

  init(time: Int64, reason: Int64) { (self.time, self.reason) = (time, reason) }

  /// Nil where both columns from `first` on are empty; a reason without a time is none that the service writes.
  init?(row: Statement, from first: Int32) {
    guard !row.isNull(first) || !row.isNull(first + 1) else { return nil }
    self.init(time: row.int(first), reason: row.optionalInt(first + 1) ?? -1)
  }

  var text: String {
    let name = UInt8(exactly: reason).flatMap(RevocationReason.init)?.name ?? "a reason that is none (\(reason))"
    return "revoked at \(TimeText.instant(time)) for \(name)"
  }
}
