"""Verifies a ledger's journal from docs/audit.md alone: leaves, trees and signed heads. Shares no code with the product.

    python3 journal.py LEDGER.db AUDIT_PUBLIC.pem

Prints "records N heads M" and exits 0, or prints the first thing that does not fit and exits 1. Needs only Python's
standard library and the openssl program.
"""

import hashlib
import sqlite3
import subprocess
import sys
import tempfile

ABSENT = b"\xff\xff\xff\xff"


def u64(number):
    return (number & (1 << 64) - 1).to_bytes(8, "big")


def sized(data):
    data = data.encode() if isinstance(data, str) else data
    return len(data).to_bytes(4, "big") + data


def optional_number(number):
    return ABSENT if number is None else sized(u64(number))


def optional_bytes(data):
    return ABSENT if data is None else sized(data)


def card(fingerprint, expiry):
    """What a leaf tells of a card besides its digits."""
    return hashlib.sha256(fingerprint + u64(expiry)).digest()


def leaf(domain, number, *fields):
    """RFC 6962's leaf hash of a record."""
    return hashlib.sha256(b"\0countersign/1 " + domain + b"\0" + u64(number) + b"".join(fields)).digest()


def leaves(db):
    """Number, leaf, the first 8 bytes that the row keeps, and time, in order."""
    found = []
    for row in db.execute(
        "SELECT seq, key, company, consultant, session, sequence, time, amount, currency, instalments, reference,"
        " fingerprint, expiry, first6, last4, card_length, leaf, original FROM payment"
    ):
        fields = [sized(row[1]), u64(row[2]), u64(row[3]), sized(row[4])] + [u64(n) for n in row[5:10]]
        fields += [sized(row[10]), sized(card(row[11], row[12]))] + [u64(n) for n in row[13:16]]
        fields += [] if row[17] is None else [sized(row[17])]
        found.append((row[0], leaf(b"payment", row[0], *fields), row[16], row[6]))
    for row in db.execute("SELECT seq, payment, time, state, approval, response, leaf FROM outcome"):
        found.append((row[0], leaf(b"outcome", row[0], *[u64(n) for n in row[1:6]]), row[6], row[2]))
    for row in db.execute("SELECT seq, kind, payment, consultant, company, session, time, body, leaf FROM event"):
        fields = [sized(row[1])] + [optional_number(n) for n in row[2:5]]
        fields += [optional_bytes(row[5]), u64(row[6]), sized(row[7])]
        found.append((row[0], leaf(b"event", row[0], *fields), row[8], row[6]))
    return sorted(found)


def root(nodes):
    """MTH of RFC 6962 section 2.1, by its recursive definition, over leaf hashes."""
    if not nodes:
        return hashlib.sha256(b"").digest()
    if len(nodes) == 1:
        return nodes[0]
    split = 1
    while split * 2 < len(nodes):
        split *= 2
    return hashlib.sha256(b"\1" + root(nodes[:split]) + root(nodes[split:])).digest()


def is_signed(message, signature, public):
    with tempfile.NamedTemporaryFile() as data, tempfile.NamedTemporaryFile() as sig:
        data.write(message)
        data.flush()
        sig.write(signature)
        sig.flush()
        run = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", sig.name, data.name]
        return subprocess.run(run, capture_output=True).returncode == 0


def verify(path, public):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    records = leaves(db)
    for place, (number, digest, prefix, _) in enumerate(records, start=1):
        if number != place:
            return f"record {place} is missing"
        if int.from_bytes(digest[:8], "big", signed=True) != prefix:
            return f"record {number} was altered"
    previous, last = bytes(32), 0
    heads = db.execute("SELECT first, last, previous, root, time, epoch, epoch_id, signature FROM head ORDER BY last").fetchall()
    for first, end, before, tree, time, epoch, name, signature in heads:
        if first != last + 1 or before != previous or end > len(records):
            return f"head {end} does not follow the one before or its records are missing"
        if root([digest for _, digest, _, _ in records[first - 1 : end]]) != tree:
            return f"the tree of head {end} does not fit its records"
        if records[end - 1][3] != time:
            return f"the time of head {end} is not that of its last record"
        signed = b"countersign/1 head\0" + before + tree + u64(first) + u64(end) + u64(time) + u64(epoch) + name
        if not is_signed(signed, signature, public):
            return f"the signature of head {end} is wrong"
        previous, last = hashlib.sha256(signed).digest(), end
    print(f"records {len(records)} heads {len(heads)}")
    return None


if __name__ == "__main__":
    problem = verify(sys.argv[1], sys.argv[2])
    if problem:
        print(problem)
        sys.exit(1)
