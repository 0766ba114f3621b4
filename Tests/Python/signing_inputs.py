"""What is signed and what a single-shot seal authenticates, for every label, from the documents alone.

    python signing_inputs.py > ../Vectors/seals/inputs.json
"""

import json

from schedule import pack

# Label, fields as docs/security.md lists them: bytes of recognisable values and of every length that the field may have.
CASES = [
    ("countersign/1 statement", [b"statement"]),
    ("countersign/1 countersignature", [b"statement", b"signature", bytes(range(32))]),
    ("countersign/1 renewal", [b"renewal"]),
    ("countersign/1 outside enrolment", [bytes(range(16)), bytes(range(32)), bytes.fromhex("525400123456")]),
    ("countersign/1 sealing", [b"sealing key"]),
    ("countersign/1 profile", [b"profile"]),
    ("countersign/1 pinned root", [bytes(range(32))]),
    ("countersign/1 bundle", [b"bundle" * 50]),
    ("countersign/1 renewal seal", []),
    ("countersign/1 enrolment", []),
    ("countersign/1 gateway enrolment", []),
]


def cases():
    return [
        {"label": label, "fields": [field.hex() for field in fields], "input": pack(label, *fields).hex()}
        for label, fields in CASES
    ]


if __name__ == "__main__":
    print(json.dumps({"cases": cases()}, indent=1))
