"""Opens all stored cards of a ledger from docs/security.md alone. Shares no code with the product.

    python3 cards.py LEDGER.db VAULT_FOLDER [TOKEN_KEY.pem]

TOKEN_KEY.pem is the private key that a PKCS#11 token holds, where the key-encryption key is agreed with one. Prints "VERSION COUNT" for each version of a data key, then each card number that was found, once. Exits 1 where a card
or key does not open. Needs the package cryptography.
"""

import base64
import pathlib
import sqlite3
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def pack(label, *fields):
    return label.encode() + b"\0" + b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def wrapping_key(content, token):
    """The key-encryption key: the file itself, or agreed with the token's key."""
    if len(content) == 32:
        return content
    head, _, public = content.decode().splitlines()
    if head != "countersign/1 token" or token is None:
        sys.exit("the key-encryption key is in a token")
    own = serialization.load_der_public_key(base64.b64decode(public))
    info = pack("countersign/1 vault token", spki(own), spki(token.public_key()))
    return HKDF(hashes.SHA256(), 32, None, info).derive(token.exchange(ec.ECDH(), own))


def unwrap(vault, name, token):
    """A key, opened by the key-encryption key; while that is changed there are two of them."""
    wrapped = (vault / name).read_bytes()
    for wrapping in ("kek.key", "kek-next.key"):
        try:
            key = AESGCM(wrapping_key((vault / wrapping).read_bytes(), token))
            return key.decrypt(wrapped[:12], wrapped[12:], pack("countersign/1 vault", name.encode()))
        except (FileNotFoundError, InvalidTag):
            continue
    sys.exit(f"{name} does not open")


def main(ledger, vault, token=None):
    if token:
        token = serialization.load_pem_private_key(pathlib.Path(token).read_bytes(), None)
    vault = pathlib.Path(vault)
    keys = {}
    counts, cards = {}, set()
    db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    for number, key, company, version, box, length, first6, last4 in db.execute(
        "SELECT seq, key, company, key_version, card, card_length, first6, last4 FROM payment"
    ):
        if version not in keys:
            keys[version] = AESGCM(unwrap(vault, f"data-{version}.key", token))
        bound = pack("countersign/1 card", key, (company & (1 << 64) - 1).to_bytes(8, "big"))
        try:
            pan = keys[version].decrypt(box[:12], box[12:], bound)
        except InvalidTag:
            sys.exit(f"the card of payment {number} does not open under data key {version}")
        text = pan[:length].decode()
        if pan[length:] != bytes(19 - length) or int(text[:6]) != first6 or int(text[-4:]) != last4:
            sys.exit(f"the card of payment {number} is not the one of its row")
        counts[version] = counts.get(version, 0) + 1
        cards.add(text)
    for version in sorted(counts):
        print(version, counts[version])
    for card in sorted(cards):
        print(card)


if __name__ == "__main__":
    main(*sys.argv[1:])
