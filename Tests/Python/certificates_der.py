"""X.509 certificates written byte by byte, so that they can break any rule. Shares no code with the product."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OIDS = {
    "cn": "2.5.4.3", "o": "2.5.4.10",
    "ski": "2.5.29.14", "keyUsage": "2.5.29.15", "san": "2.5.29.17", "basicConstraints": "2.5.29.19",
    "nameConstraints": "2.5.29.30", "policyConstraints": "2.5.29.36", "aki": "2.5.29.35", "eku": "2.5.29.37",
    "inhibitAnyPolicy": "2.5.29.54", "any": "2.5.29.37.0",
    "serverAuth": "1.3.6.1.5.5.7.3.1", "clientAuth": "1.3.6.1.5.5.7.3.2",
    "ecdsa-sha1": "1.2.840.10045.4.1", "ecdsa-sha224": "1.2.840.10045.4.3.1", "ecdsa-sha256": "1.2.840.10045.4.3.2",
    "ecdsa-sha384": "1.2.840.10045.4.3.3", "rsa-sha256": "1.2.840.113549.1.1.11", "rsa-sha1": "1.2.840.113549.1.1.5",
    "ed25519": "1.3.101.112",
}
ROLES = ["consultant", "company", "administrator", "server", "gateway", "sealing", "ocsp"]
# The UUID 5f0c1b0e-6a2d-4c57-9b3e-8d21f4a7c390 under 2.25 (ITU-T X.667).
ARC = "2.25.%d" % 0x5F0C1B0E6A2D4C579B3E8D21F4A7C390
OIDS |= {role: f"{ARC}.{number}" for number, role in enumerate(ROLES, 1)}


def tlv(tag, *parts):
    content = b"".join(parts)
    count = len(content)
    if count < 0x80:
        return bytes([tag, count]) + content
    length = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts):
    return tlv(0x30, *parts)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(name):
    arcs = [int(part) for part in OIDS.get(name, name).split(".")]
    out = b""
    for value in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        digits = [value & 0x7F]
        while value := value >> 7:
            digits.append(value & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return tlv(0x06, out)


def octets(content):
    return tlv(0x04, content)


def bits(content, unused=0):
    return tlv(0x03, bytes([unused]), content)


def boolean(value):
    return tlv(0x01, b"\xff" if value else b"\x00")


def name(common_name, organisation=None):
    def entry(kind, text):
        return tlv(0x31, sequence(oid(kind), tlv(0x0C, text.encode())))

    parts = [("o", organisation), ("cn", common_name)]
    return sequence(*[entry(kind, text) for kind, text in parts if text])


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key):
    return hashlib.sha1(spki(key)).digest()


def sign(key, tbs, algorithm):
    digest = {"sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha384": hashes.SHA384}.get(
        algorithm.rpartition("-")[2], hashes.SHA256)()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(tbs)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(tbs, padding.PKCS1v15(), digest)
    return key.sign(tbs, ec.ECDSA(digest, deterministic_signing=True))


def algorithm_of(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "rsa-sha256"
    return "ecdsa-sha384" if key.curve.key_size == 384 else "ecdsa-sha256"


def extension(kind, value, critical=False):
    return sequence(oid(kind), *([boolean(True)] if critical else []), octets(value))


def utc(text):
    return tlv(0x17, text.encode())


def generalized(text):
    return tlv(0x18, text.encode())


def certificate(
    *, subject, issuer, key, signer, extensions, serial=0x4D2, not_before=None, not_after=None, version=3,
    algorithm=None, public_key=None,
):
    algorithm = algorithm or algorithm_of(signer)
    identifier = sequence(oid(algorithm), *([tlv(0x05)] if algorithm.startswith("rsa") else []))
    tbs = sequence(
        *([tlv(0xA0, integer(version - 1))] if version > 1 else []),
        integer(serial), identifier, issuer,
        sequence(not_before or utc("260101000000Z"), not_after or utc("270101000000Z")),
        subject, public_key or spki(key),
        *([tlv(0xA3, sequence(*extensions))] if extensions else []),
    )
    return sequence(tbs, identifier, bits(sign(signer, tbs, algorithm)))
