"""Tests of the independent verifier of the journal: a ledger made here, changed in every way docs/audit.md names.

That the product writes such a journal is tested by Tests/StorageSQLiteTests, which runs the same program on its files.
"""

import hashlib
import sqlite3
import subprocess

import pytest

import journal
from journal import leaf, optional_bytes, optional_number, sized, u64

TABLES = """
CREATE TABLE payment (seq INTEGER PRIMARY KEY, key BLOB, company INTEGER, consultant INTEGER, session BLOB,
  sequence INTEGER, time INTEGER, amount INTEGER, currency INTEGER, instalments INTEGER, reference TEXT,
  fingerprint BLOB, expiry INTEGER, first6 INTEGER, last4 INTEGER, card_length INTEGER, leaf INTEGER, original BLOB);
CREATE TABLE outcome (payment INTEGER PRIMARY KEY, seq INTEGER, time INTEGER, state INTEGER, approval INTEGER,
  response INTEGER, leaf INTEGER);
CREATE TABLE event (seq INTEGER PRIMARY KEY, kind TEXT, payment INTEGER, consultant INTEGER, company INTEGER,
  session BLOB, time INTEGER, body TEXT, leaf INTEGER);
CREATE TABLE head (last INTEGER PRIMARY KEY, first INTEGER, previous BLOB, root BLOB, time INTEGER, signature BLOB,
  epoch INTEGER, epoch_id BLOB);
"""
ORIGINAL = bytes(range(48, 91))
KEY, SESSION, FINGERPRINT = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


def prefix(digest):
    return int.from_bytes(digest[:8], "big", signed=True)


def new_key(path):
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path], check=True
    )
    return path


def sign(message, key):
    return subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key], input=message, check=True, capture_output=True
    ).stdout


class Ledger:
    """Three payments with outcomes and events under three heads, and one record after the last."""

    def __init__(self, folder):
        self.path, self.public = folder / "ledger.db", folder / "public.pem"
        self.key = new_key(folder / "key.pem")
        subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-out", self.public], check=True)
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.executescript(TABLES)
        self.digests, self.previous, self.first = [], bytes(32), 1
        for number in (1, 4, 7):
            self.payment(number)
            self.outcome(number + 1, number)
            self.event(number + 2)
            self.head(self.key)
        self.event(10)

    def payment(self, number):
        numbers = [8, 1000 + number, 59_000, 0x4B5257, 3]
        digest = leaf(
            b"payment", number, sized(KEY + u64(number)), u64(1), u64(2), sized(SESSION), *[u64(n) for n in numbers],
            sized("주문"), sized(journal.card(FINGERPRINT, 203012)), *[u64(n) for n in (411111, 1111, 16)],
            *([sized(ORIGINAL)] if number == 4 else []),
        )
        self.insert(
            "payment", digest, number, KEY + u64(number), 1, 2, SESSION, *numbers, "주문", FINGERPRINT, 203012, 411111,
            1111, 16,
        )
        if number == 4:
            self.db.execute("UPDATE payment SET original = ? WHERE seq = 4", [ORIGINAL])

    def outcome(self, number, payment):
        fields = [payment, 1000 + number, 2, -1, 0x3030]
        digest = leaf(b"outcome", number, *[u64(n) for n in fields])
        self.insert("outcome", digest, payment, number, *fields[1:])

    def event(self, number):
        digest = leaf(
            b"event", number, sized("LOGIN"), optional_number(None), optional_number(2), optional_number(None),
            optional_bytes(SESSION), u64(1000 + number), sized("in"),
        )
        self.insert("event", digest, number, "LOGIN", None, 2, None, SESSION, 1000 + number, "in")

    def insert(self, table, digest, *values):
        self.digests.append(digest)
        values += (prefix(digest),)
        if table == "payment":
            values += (None,)
        self.db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)

    def head(self, key):
        last = len(self.digests)
        tree = journal.root(self.digests[self.first - 1 :])
        signed = (
            b"countersign/1 head\0" + self.previous + tree + u64(self.first) + u64(last) + u64(1000 + last) + u64(1) + bytes(16)
        )
        row = (last, self.first, self.previous, tree, 1000 + last, sign(signed, key))
        self.db.execute("INSERT INTO head VALUES (?, ?, ?, ?, ?, ?, 1, zeroblob(16))", row)
        self.previous, self.first = hashlib.sha256(signed).digest(), last + 1

    def problem(self):
        return journal.verify(self.path, self.public)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def test_a_whole_journal_has_no_problem(ledger, capsys):
    assert ledger.problem() is None
    assert capsys.readouterr().out == "records 10 heads 3\n"


@pytest.mark.parametrize(
    "change, problem",
    [
        ("UPDATE payment SET amount = amount + 1 WHERE seq = 4", "record 4 was altered"),
        ("UPDATE payment SET reference = 'other' WHERE seq = 1", "record 1 was altered"),
        ("UPDATE payment SET expiry = 203011 WHERE seq = 1", "record 1 was altered"),
        ("UPDATE payment SET fingerprint = zeroblob(16) WHERE seq = 7", "record 7 was altered"),
        ("UPDATE payment SET original = zeroblob(43) WHERE seq = 1", "record 1 was altered"),
        ("UPDATE payment SET original = NULL WHERE seq = 4", "record 4 was altered"),
        ("UPDATE outcome SET state = 3 WHERE seq = 5", "record 5 was altered"),
        ("UPDATE event SET consultant = 3 WHERE seq = 6", "record 6 was altered"),
        ("UPDATE event SET consultant = NULL WHERE seq = 10", "record 10 was altered"),
        ("UPDATE event SET leaf = leaf + 1 WHERE seq = 10", "record 10 was altered"),
        ("DELETE FROM payment WHERE seq = 4", "record 4 is missing"),
        ("DELETE FROM event WHERE seq = 9; DELETE FROM event WHERE seq = 10", "head 9 does not follow"),
        ("UPDATE event SET seq = 20 WHERE seq = 3", "record 3 is missing"),
        ("DELETE FROM head WHERE last = 6", "head 9 does not follow"),
        ("UPDATE head SET first = 5 WHERE last = 6", "head 6 does not follow"),
        ("UPDATE head SET time = time + 1 WHERE last = 6", "the time of head 6"),
        ("UPDATE head SET root = zeroblob(32) WHERE last = 6", "the tree of head 6"),
        ("UPDATE head SET signature = zeroblob(70) WHERE last = 9", "the signature of head 9"),
    ],
)
def test_a_change_is_found(ledger, change, problem):
    ledger.db.executescript(change)
    assert ledger.problem().startswith(problem)


def test_a_record_altered_together_with_its_prefix_breaks_its_heads_tree(ledger):
    digest = leaf(
        b"event", 6, sized("LOGIN"), optional_number(None), optional_number(3), optional_number(None),
        optional_bytes(SESSION), u64(1006), sized("in"),
    )
    ledger.db.execute("UPDATE event SET consultant = 3, leaf = ? WHERE seq = 6", [prefix(digest)])
    assert ledger.problem() == "the tree of head 6 does not fit its records"


def test_two_records_that_change_places_are_found(ledger):
    ledger.db.executescript(
        "UPDATE event SET seq = 99 WHERE seq = 3; UPDATE event SET seq = 3 WHERE seq = 6;"
        "UPDATE event SET seq = 6 WHERE seq = 99"
    )
    assert ledger.problem() == "record 3 was altered"


def test_a_head_of_another_key_is_refused(ledger, tmp_path):
    ledger.head(new_key(tmp_path / "other.pem"))
    assert ledger.problem() == "the signature of head 10 is wrong"


# RFC 6962 has no numbers; these are the roots of 0 to 3 leaf hashes written out from section 2.1.
def test_roots_are_those_of_the_definition():
    def digest(data):
        return hashlib.sha256(data).digest()

    one, two, three = digest(b"\0a"), digest(b"\0b"), digest(b"\0c")
    assert journal.root([]) == digest(b"")
    assert journal.root([one]) == one
    assert journal.root([one, two]) == digest(b"\1" + one + two)
    assert journal.root([one, two, three]) == digest(b"\1" + digest(b"\1" + one + two) + three)
