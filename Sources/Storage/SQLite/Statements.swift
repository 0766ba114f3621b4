import Payments

/// Statements of transactions, of the payment path and of the journal, prepared once.
final class Statements {
  let begin: Statement
  let commit: Statement
  let savepoint: Statement
  let release: Statement
  let insertPayment: Statement
  let insertOutcome: Statement
  let insertEvent: Statement
  let insertHead: Statement
  let setLowWater: Statement
  let insertLateOutcome: Statement
  let setUnresolved: Statement
  let clearUnresolved: Statement
  let sessionForPayment: Statement
  let paymentByNumber: Statement
  let paymentByKey: Statement
  let saleByNumber: Statement
  let setCard: Statement

  /// Columns of a payment with what became of it, in the order that ``StoredPayment/init(row:)`` reads.
  static let paymentColumns = """
    SELECT p.seq, p.key, p.company, p.consultant, p.session, p.time, p.amount, p.currency, p.instalments, p.reference,
      p.fingerprint, p.expiry, p.first6, p.last4, p.card_length, o.state, o.approval, o.response, u.state
    FROM payment p LEFT JOIN outcome o ON o.payment = p.seq LEFT JOIN unresolved u ON u.payment = p.seq
    """

  /// Payments above the low-water mark that have no outcome.
  static let startedPayments = """
    SELECT seq FROM payment WHERE seq >= (SELECT low_water FROM mark)
      AND NOT EXISTS (SELECT 1 FROM outcome o WHERE o.payment = payment.seq)
    """

  init(_ database: Database) throws(StoreError) {
    begin = try database.prepare("BEGIN IMMEDIATE")
    commit = try database.prepare("COMMIT")
    savepoint = try database.prepare("SAVEPOINT nested")
    release = try database.prepare("RELEASE nested")
    insertPayment = try database.prepare(
      """
      INSERT INTO payment VALUES
        (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
      """)
    insertOutcome = try database.prepare("INSERT INTO outcome VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
    insertEvent = try database.prepare("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
    insertHead = try database.prepare(
      """
      INSERT INTO head (last, first, previous, root, time, epoch, epoch_id, signature)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      """)
    setLowWater = try database.prepare("UPDATE mark SET low_water = ?1")
    insertLateOutcome = try database.prepare("INSERT INTO late_outcome VALUES (?1, ?2)")
    setUnresolved = try database.prepare("INSERT OR REPLACE INTO unresolved VALUES (?1, ?2, ?3, ?4)")
    clearUnresolved = try database.prepare("DELETE FROM unresolved WHERE payment = ?1")
    sessionForPayment = try database.prepare(
      """
      SELECT s.identity, s.mac, s.process, s.ended, s.company, s.consultant,
        c.revoked IS NOT NULL OR k.revoked IS NOT NULL
      FROM session s JOIN consultant c ON c.id = s.consultant JOIN company k ON k.id = s.company WHERE s.id = ?1
      """)
    paymentByNumber = try database.prepare("\(Self.paymentColumns) WHERE p.seq = ?1")
    saleByNumber = try database.prepare(
      """
      SELECT key, company, fingerprint, expiry, key_version, first6, last4, card_length, card, original
      FROM payment WHERE seq = ?1
      """)
    setCard = try database.prepare("UPDATE payment SET key_version = ?2, card = ?3 WHERE seq = ?1")
    paymentByKey = try database.prepare("\(Self.paymentColumns) WHERE p.key = ?1 AND p.company = ?2")
  }
}
