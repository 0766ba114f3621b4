import CSQLite
import Payments

/// The tables. `payment`, `outcome` and `event` *are* the journal: their numbers come from one rising sequence without
/// gaps, and each row carries the first 8 bytes of its leaf.
///
/// Source: docs/performance.md, "Table layout"; docs/audit.md.
enum Schema {
  /// "CSGN" in ASCII: marks the file as ours.
  static let applicationID: Int64 = 0x4353_474E
  static let version: Int64 = 1

  /// Each ledger must have just these (``problems(of:)``): whatever else than white space changes here needs a new
  /// version.
  static let tables = """
    CREATE TABLE payment (
      seq INTEGER PRIMARY KEY, key BLOB NOT NULL CHECK (length(key) = 16), company INTEGER NOT NULL,
      consultant INTEGER NOT NULL, session BLOB NOT NULL CHECK (length(session) = 16), sequence INTEGER NOT NULL,
      time INTEGER NOT NULL, amount INTEGER NOT NULL, currency INTEGER NOT NULL, instalments INTEGER NOT NULL,
      reference TEXT NOT NULL, fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16), expiry INTEGER NOT NULL,
      card BLOB NOT NULL CHECK (length(card) = 47), key_version INTEGER NOT NULL, first6 INTEGER NOT NULL,
      last4 INTEGER NOT NULL, card_length INTEGER NOT NULL, leaf INTEGER NOT NULL,
      original BLOB CHECK (length(original) = 43)) STRICT;
    CREATE UNIQUE INDEX payment_key ON payment (key, company);
    CREATE TABLE outcome (
      payment INTEGER PRIMARY KEY, seq INTEGER NOT NULL, time INTEGER NOT NULL, state INTEGER NOT NULL,
      approval INTEGER NOT NULL, response INTEGER NOT NULL, leaf INTEGER NOT NULL) STRICT;
    CREATE TABLE event (
      seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, payment INTEGER, consultant INTEGER, company INTEGER, session BLOB,
      time INTEGER NOT NULL, body TEXT NOT NULL, leaf INTEGER NOT NULL) STRICT;
    CREATE INDEX event_payment ON event (payment) WHERE payment IS NOT NULL;
    CREATE INDEX event_session ON event (session) WHERE session IS NOT NULL;
    CREATE TABLE unresolved (
      payment INTEGER PRIMARY KEY, state INTEGER NOT NULL, next_try INTEGER NOT NULL, attempts INTEGER NOT NULL) STRICT;
    CREATE TABLE operation (
      id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE CHECK (length(key) = 16), kind INTEGER NOT NULL,
      payment INTEGER NOT NULL, amount INTEGER NOT NULL, state INTEGER NOT NULL, requested_by INTEGER NOT NULL,
      confirmed_by INTEGER, time INTEGER NOT NULL, confirm_until INTEGER NOT NULL, since INTEGER NOT NULL,
      attempts INTEGER NOT NULL, original BLOB CHECK (length(original) = 43), response INTEGER NOT NULL) STRICT;
    CREATE INDEX operation_payment ON operation (payment);
    CREATE INDEX operation_open ON operation (state) WHERE state IN (1, 2, 4, 7);
    CREATE TABLE key_act (
      id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, place TEXT NOT NULL, requested_by INTEGER NOT NULL,
      confirmed_by INTEGER, time INTEGER NOT NULL, confirm_until INTEGER NOT NULL, result INTEGER) STRICT;
    CREATE TABLE mark (id INTEGER PRIMARY KEY CHECK (id = 1), low_water INTEGER NOT NULL) STRICT;
    INSERT INTO mark VALUES (1, 1);
    CREATE TABLE head (
      last INTEGER PRIMARY KEY, first INTEGER NOT NULL, previous BLOB NOT NULL, root BLOB NOT NULL,
      time INTEGER NOT NULL, epoch INTEGER NOT NULL, epoch_id BLOB NOT NULL CHECK (length(epoch_id) = 16),
      signature BLOB NOT NULL) STRICT;
    CREATE TABLE epoch (
      number INTEGER PRIMARY KEY, id BLOB NOT NULL CHECK (length(id) = 16), begun INTEGER NOT NULL,
      lost_since INTEGER NOT NULL, head_last INTEGER NOT NULL,
      head_digest BLOB NOT NULL CHECK (length(head_digest) = 32), reconciliation INTEGER, confirmed INTEGER) STRICT;
    CREATE TABLE charged (payment INTEGER PRIMARY KEY, approval INTEGER NOT NULL) STRICT;
    CREATE TABLE rotation (
      id INTEGER PRIMARY KEY CHECK (id = 1), key_version INTEGER NOT NULL, position INTEGER NOT NULL,
      cards INTEGER NOT NULL, finished INTEGER NOT NULL) STRICT;
    CREATE TABLE late_outcome (seq INTEGER PRIMARY KEY, payment INTEGER NOT NULL) STRICT;
    CREATE TABLE lookup (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE INDEX lookup_first ON lookup (run, first);
    CREATE TABLE lookup_run (
      run INTEGER PRIMARY KEY, first INTEGER NOT NULL, from_time INTEGER NOT NULL, to_time INTEGER NOT NULL) STRICT;
    CREATE TABLE lookup_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL CHECK (length(key) = 32)) STRICT;
    INSERT INTO lookup_key VALUES (1, randomblob(32));

    CREATE TABLE company (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
      revoked INTEGER, reason INTEGER) STRICT;
    CREATE TABLE administrator (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, roles INTEGER NOT NULL, time INTEGER NOT NULL)
      STRICT;
    CREATE TABLE consultant (
      id INTEGER PRIMARY KEY AUTOINCREMENT, company INTEGER NOT NULL, name TEXT NOT NULL, time INTEGER NOT NULL,
      revoked INTEGER, reason INTEGER, UNIQUE (company, name)) STRICT;
    CREATE TABLE certificate (
      fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32), der BLOB NOT NULL, issuer BLOB NOT NULL,
      serial BLOB NOT NULL, issuer_text TEXT NOT NULL, subject_text TEXT NOT NULL, holder_kind INTEGER NOT NULL,
      holder INTEGER NOT NULL, mac BLOB, not_after INTEGER NOT NULL, revoked INTEGER, reason INTEGER,
      UNIQUE (issuer, serial)) STRICT, WITHOUT ROWID;
    CREATE INDEX certificate_holder ON certificate (holder_kind, holder);
    CREATE INDEX certificate_end ON certificate (not_after);
    CREATE TABLE device (
      mac BLOB PRIMARY KEY CHECK (length(mac) = 6), revoked INTEGER NOT NULL, reason INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE lockout (
      subject TEXT PRIMARY KEY, failures INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL)
      STRICT, WITHOUT ROWID;
    CREATE TABLE token (
      digest BLOB PRIMARY KEY CHECK (length(digest) = 32), consultant INTEGER NOT NULL, not_after INTEGER NOT NULL,
      request BLOB, certificate BLOB, used INTEGER) STRICT, WITHOUT ROWID;
    CREATE TABLE gateway (
      company INTEGER PRIMARY KEY, host TEXT NOT NULL, port INTEGER NOT NULL, dns_name TEXT NOT NULL,
      number INTEGER NOT NULL, token BLOB NOT NULL UNIQUE CHECK (length(token) = 32), token_not_after INTEGER NOT NULL,
      request BLOB, company_certificate BLOB, tls_certificate BLOB) STRICT;
    CREATE TABLE company_policy (company INTEGER PRIMARY KEY, policy BLOB NOT NULL) STRICT;
    CREATE TABLE day_total (
      company INTEGER NOT NULL, currency INTEGER NOT NULL, day INTEGER NOT NULL, amount INTEGER NOT NULL,
      PRIMARY KEY (company, currency, day)) STRICT, WITHOUT ROWID;
    CREATE TABLE counted (
      payment INTEGER PRIMARY KEY, company INTEGER NOT NULL, currency INTEGER NOT NULL, day INTEGER NOT NULL,
      amount INTEGER NOT NULL) STRICT;
    CREATE TABLE session (
      id BLOB PRIMARY KEY CHECK (length(id) = 16), challenge BLOB NOT NULL UNIQUE CHECK (length(challenge) = 32),
      consultant INTEGER NOT NULL, company INTEGER NOT NULL, consultant_certificate BLOB NOT NULL,
      company_certificate BLOB NOT NULL, mac BLOB NOT NULL CHECK (length(mac) = 6), enc BLOB NOT NULL,
      sealing_key BLOB NOT NULL, statement BLOB NOT NULL, path INTEGER NOT NULL, login_time INTEGER NOT NULL,
      identity BLOB, process INTEGER NOT NULL, identity_sequence INTEGER NOT NULL, ended INTEGER) STRICT, WITHOUT ROWID;
    CREATE INDEX session_live ON session (consultant) WHERE ended IS NULL;
    """

  /// Makes the tables of a new file.
  static func create(in database: Database) throws(StoreError) {
    try database.execute("PRAGMA journal_mode = WAL")
    try database.execute(
      """
      BEGIN; \(tables) PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version); COMMIT
      """)
  }

  /// - Throws: ``StoreError/damaged(_:)`` where the file is not ours, ``StoreError/newerSchema(found:supported:)``.
  static func check(_ database: Database) throws(StoreError) {
    guard try database.number("PRAGMA application_id") == applicationID else {
      throw .damaged("\(database.path) is not a ledger of this service; name its folder with --data")
    }
    let found = try database.number("PRAGMA user_version")
    guard found <= version else { throw .newerSchema(found: Int(found), supported: Int(version)) }
  }
}
