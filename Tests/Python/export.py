"""Verifies an export of the journal from docs/audit.md, "Exports", alone. Shares no code with the product.

    python3 export.py EXPORT.jsonl AUDIT_PUBLIC.pem

Prints "records N heads M" and exits 0, or prints the first thing that does not fit and exits 1.
"""

import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ABSENT = b"\xff\xff\xff\xff"


class Refused(Exception):
    """The export is not good; the text says why."""


def sha256(data):
    return hashlib.sha256(data).digest()


def u64(number):
    return number.to_bytes(8, "big")


def sized(data):
    return len(data).to_bytes(4, "big") + data


def as_number(text):
    """ASCII characters as one number, the last one the least significant byte."""
    return u64(int.from_bytes(text.encode("ascii"), "big"))


def record_bytes(line):
    """What a record's leaf is hashed over, without the zero byte in front."""
    kind = line["type"]
    if kind == "payment":
        fields = [sized(bytes.fromhex(line["key"])), u64(line["company"]), u64(line["consultant"])]
        fields += [sized(bytes.fromhex(line["session"])), u64(line["sequence"]), u64(line["time_ms"])]
        fields += [u64(line["amount"]), as_number(line["currency"]), u64(line["instalments"])]
        fields += [sized(line["reference"].encode()), sized(bytes.fromhex(line["card"]))]
        fields += [u64(line["first6"]), u64(line["last4"]), u64(line["card_length"])]
        fields += [sized(bytes.fromhex(line["original"]))] if "original" in line else []
    elif kind == "outcome":
        fields = [u64(line["payment"]), u64(line["time_ms"]), u64(line["state"])]
        fields += [as_number(line["approval"]), as_number(line["response"])]
    elif kind == "event":
        fields = [sized(line["kind"].encode())]
        fields += [sized(u64(line[n])) if n in line else ABSENT for n in ("payment", "consultant", "company")]
        fields += [sized(bytes.fromhex(line["session"])) if "session" in line else ABSENT]
        fields += [u64(line["time_ms"]), sized(line["text"].encode())]
    else:
        raise Refused(f"a line has the unknown type {kind}")
    return b"countersign/1 " + kind.encode() + b"\0" + u64(line["number"]) + b"".join(fields)


def root(leaves):
    """MTH of RFC 6962 section 2.1 over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + root(leaves[:split]) + root(leaves[split:]))


class Export:
    """Reads an export line by line."""

    def __init__(self, public_key_pem):
        self.key = serialization.load_pem_public_key(public_key_pem)
        self.begin = self.previous = self.end = None
        self.next, self.records, self.heads = 0, 0, 0
        self.leaves = []

    def take(self, line):
        if self.end is not None:
            raise Refused("lines stand behind the end")
        kind = line["type"]
        if self.begin is None:
            self.start(line)
        elif kind == "head":
            self.take_head(line)
        elif kind == "end":
            self.end = line
        else:
            if line["number"] != self.next:
                raise Refused(f"record {self.next} is missing")
            self.leaves.append(sha256(b"\0" + record_bytes(line)))
            self.next, self.records = self.next + 1, self.records + 1

    def start(self, line):
        if (line["type"], line.get("version")) != ("countersign-export", 1):
            raise Refused("this is no export")
        der = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if bytes.fromhex(line["key"]) != sha256(der):
            raise Refused("the export's heads are signed with another key")
        self.begin, self.next = line, line["first"]

    def take_head(self, line):
        first, last = line["first"], line["last"]
        if last != self.next - 1 or first != self.next - len(self.leaves):
            raise Refused(f"the head over {first} to {last} is not that of the records before it")
        previous, tree = bytes.fromhex(line["previous"]), bytes.fromhex(line["root"])
        if self.previous not in (None, previous):
            raise Refused(f"the head over {first} to {last} does not follow the one before")
        if root(self.leaves) != tree:
            raise Refused(f"a record from {first} to {last} was altered")
        signed = b"countersign/1 head\0" + previous + tree + u64(first) + u64(last) + u64(line["time_ms"])
        signed += u64(line["epoch"]) + bytes.fromhex(line["epoch_id"])
        try:
            self.key.verify(bytes.fromhex(line["signature"]), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Refused(f"the signature of the head over {first} to {last} is wrong") from None
        self.previous, self.leaves, self.heads = sha256(signed), [], self.heads + 1

    def finish(self):
        if self.end is None or self.next != self.begin["last"] + 1 or self.leaves:
            raise Refused("the export was cut off")
        if (self.end["records"], self.end["heads"]) != (self.records, self.heads):
            raise Refused("the export does not have what its last line says")


def verify(lines, public_key_pem):
    export = Export(public_key_pem)
    for line in lines:
        export.take(json.loads(line))
    export.finish()
    return export


def main(path, public_key):
    with open(path, encoding="utf-8") as lines, open(public_key, "rb") as key:
        try:
            export = verify(lines, key.read())
        except Refused as problem:
            print(problem)
            return 1
    print(f"records {export.records} heads {export.heads}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
