"""Verifies a receipt of Countersign's journal, from docs/audit.md alone.

    python3 verify_receipt.py RECEIPT AUDIT_PUBLIC.pem

Prints what the receipt proves, or says what is wrong. Needs the package `cryptography`.

Exit codes: 0 the receipt is good; 1 refused; 64 wrong command line; 74 a file cannot be read, or the output not be
written; 77 the file of the key is no public key of a journal; 78 the package is missing. Where nobody reads the output
any more it ends by SIGPIPE, which a shell tells as 141.
"""

import hashlib
import os
import signal
import sys

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:
    print("error: the Python package cryptography is missing: pip install cryptography", file=sys.stderr)
    sys.exit(78)

MOST_RECORDS = 40
MAGIC = b"countersign/1 receipt\0"
STATES = {2: "APPROVED", 3: "DECLINED", 4: "NOT_CHARGED", 8: "REVERSED"}
ABSENT = 0xFFFFFFFF


class Refused(Exception):
    """The receipt is not good; the text says why."""


class WrongKey(Exception):
    """The file of the key is no public key of a journal."""


class Reader:
    """Reads bytes from front to back."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        if self.place + count > len(self.data):
            raise Refused("the receipt ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def sized(self):
        return self.take(self.number(4))

    def text(self):
        return text_of(self.sized())

    def optional(self):
        count = self.number(4)
        return None if count == ABSENT else self.take(count)

    def is_at_end(self):
        return self.place == len(self.data)


def sha256(data):
    return hashlib.sha256(data).digest()


def text_of(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("a record has text that is no UTF-8") from None


def read_head(reader):
    """A head, and the bytes that its signature is over."""
    previous, root = reader.take(32), reader.take(32)
    numbers = reader.take(48)
    first, last, time = (int.from_bytes(numbers[i : i + 8], "big") for i in (0, 8, 16))
    signature = reader.take(reader.number(2))
    signed = b"countersign/1 head\0" + previous + root + numbers
    return {"root": root, "first": first, "last": last, "time": time, "signed": signed, "signature": signature}


def root_of(leaf, index, size, path):
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2)."""
    node, place, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise Refused("the proof has too many hashes")
        if place % 2 == 1 or place == last:
            node = sha256(b"\1" + sibling + node)
            while place % 2 == 0 and place > 0:
                place, last = place // 2, last // 2
        else:
            node = sha256(b"\1" + node + sibling)
        place, last = place // 2, last // 2
    if last != 0:
        raise Refused("the proof has too few hashes")
    return node


def check_signature(key, signature, signed, what):
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused(f"the signature of {what} is wrong") from None


def fields_of(record):
    """Domain, number and fields of a record."""
    domain, _, rest = record.partition(b"\0")
    reader = Reader(rest)
    found = {"domain": text_of(domain), "number": reader.number(8)}
    if domain == b"countersign/1 payment":
        found |= {"key": reader.sized().hex(), "company": reader.number(8), "consultant": reader.number(8)}
        found |= {"session": reader.sized().hex(), "sequence": reader.number(8), "time": reader.number(8)}
        found |= {"amount": reader.number(8), "currency": text_of(reader.take(8).strip(b"\0"))}
        found |= {"instalments": reader.number(8), "reference": reader.text(), "card": reader.sized().hex()}
        found |= {"first6": reader.number(8), "last4": reader.number(8), "card_length": reader.number(8)}
        if not reader.is_at_end():
            found["original"] = reader.sized().hex()
    elif domain == b"countersign/1 outcome":
        found |= {"payment": reader.number(8), "time": reader.number(8), "state": reader.number(8)}
        found |= {name: text_of(reader.take(8).strip(b"\0")) for name in ("approval", "response")}
    elif domain == b"countersign/1 event":
        found["kind"] = reader.text()
        for name in ("payment", "consultant", "company", "session"):
            value = reader.optional()
            found[name] = value if name == "session" or value is None else int.from_bytes(value, "big")
        found |= {"time": reader.number(8), "text": reader.text()}
    else:
        raise Refused("a record is neither payment nor outcome nor event")
    if not reader.is_at_end():
        raise Refused(f"record {found['number']} has bytes behind its last field")
    return found


def step_of(record):
    """What an event says of the payment: ("STATE", name), or kind, number, state and amount of a refund or void."""
    words = record["text"].split(",")[0].split(" ")
    if record["kind"] == "STATE" and len(words) == 1:
        return ("STATE", words[0])
    is_operation = record["kind"] == "OPERATION" and len(words) == 4 and words[0] in ("REFUND", "VOID")
    if is_operation and all(words[place].isascii() and words[place].isdigit() for place in (1, 3)):
        return (words[0], int(words[1]), words[2], int(words[3]))
    raise Refused(f"record {record['number']} says nothing of how the payment stands")


def check_order(records):
    """A payment, its outcome where there is one, then events, all of this payment and by rising number."""
    domains = [record["domain"].removeprefix("countersign/1 ") for record in records]
    events = domains[2:] if domains[1:2] == ["outcome"] else domains[1:]
    if domains[:1] != ["payment"] or any(domain != "event" for domain in events):
        raise Refused("the receipt must have a payment, at most its outcome, and events")
    for before, record in zip(records, records[1:]):
        if record["payment"] != records[0]["number"]:
            raise Refused(f"record {record['number']} is another payment's")
        if record["number"] <= before["number"]:
            raise Refused(f"record {record['number']} stands behind record {before['number']}")
    steps = [step_of(record) for record in records if record["domain"].endswith("event")]
    if sum(step[0] == "STATE" for step in steps) > 1:
        raise Refused("the receipt has two last states")


def key_of(pem):
    """The public key of a PEM file; raises WrongKey."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise WrongKey("is no PEM file with a public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise WrongKey("has a key that signs no journal; it must be one on an elliptic curve")
    return key


def verify(data, public_key_pem):
    """The receipt's records, the payment first, and the record up to which there are no others.

    Raises Refused and WrongKey.
    """
    key = key_of(public_key_pem)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not data.startswith(MAGIC):
        raise Refused("this is no receipt")
    reader = Reader(data[len(MAGIC) :])
    if reader.take(32) != sha256(der):
        raise Refused("the receipt was signed with another key")
    records, count = [], reader.number(1)
    if not 1 <= count <= MOST_RECORDS:
        raise Refused(f"the receipt holds {count} records; a receipt has 1 to {MOST_RECORDS}")
    for _ in range(count):
        record, head = reader.sized(), read_head(reader)
        path = [reader.take(32) for _ in range(reader.number(1))]
        found = fields_of(record)
        if not head["first"] <= found["number"] <= head["last"]:
            raise Refused(f"record {found['number']} is not under its head")
        index, size = found["number"] - head["first"], head["last"] - head["first"] + 1
        if root_of(sha256(b"\0" + record), index, size, path) != head["root"]:
            raise Refused(f"record {found['number']} or its proof was altered")
        check_signature(key, head["signature"], head["signed"], f"the head over {head['first']} to {head['last']}")
        records.append(found)
    until = reader.number(8)
    reader.take(8)
    signed = data[: len(MAGIC) + reader.place]
    signature = reader.take(reader.number(2))
    if not reader.is_at_end():
        raise Refused("the receipt has bytes behind its end")
    check_order(records)
    if records[-1]["number"] > until:
        raise Refused(f"the receipt is of the records up to {until} and has a later one")
    check_signature(key, signature, signed, "the receipt")
    return records, until


def standing(records):
    """How the payment stands, for example "APPROVED, then refunded 500 of 700"."""
    payment, events = records[0], [step_of(record) for record in records if "kind" in record]
    text = STATES.get(records[1]["state"], "?") if len(records) > 1 and "approval" in records[1] else "INTENT"
    text = next((step[1] for step in events if step[0] == "STATE"), text)
    voids = [step for step in events if step[0] == "VOID"]
    if voids:
        return text + (", then voided" if voids[-1][2] == "DONE" else ", a void has no answer")
    done = sum(step[3] for step in events if step[0] == "REFUND" and step[2] == "DONE")
    unknown = sum(step[3] for step in events if step[0] == "REFUND" and step[2] in ("SENDING", "UNKNOWN"))
    text += f", then refunded {done} of {payment['amount']}" if done else ""
    return text + (f", a refund of {unknown} has no answer" if unknown else "")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def say(text):
    """Prints in one piece: what was found must not get lost for a full disk, and 1 means that the receipt is refused."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    except OSError as problem:
        print(f"error: standard output cannot be written ({problem.strerror}); it would have said:", file=sys.stderr)
        print(text, file=sys.stderr, flush=True)
        os._exit(74)  # Python would try to write it once more


def main(arguments):
    if len(arguments) != 2:
        print("usage: python3 verify_receipt.py RECEIPT AUDIT_PUBLIC.pem", file=sys.stderr)
        return 64
    receipt, public_key = arguments
    try:
        records, until = verify(read(receipt), read(public_key))
    except OSError as problem:
        print(f"error: {problem.filename} cannot be read: {problem.strerror}", file=sys.stderr)
        return 74
    except WrongKey as problem:
        print(f"error: {public_key} {problem}", file=sys.stderr)
        return 77
    except Refused as problem:
        say(f"refused: {problem}")
        return 1
    payment = records[0]
    say(
        f"good: payment {payment['number']}, {payment['amount']} {payment['currency']}, order {payment['reference']}\n"
        f"standing up to record {until}: {standing(records)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
