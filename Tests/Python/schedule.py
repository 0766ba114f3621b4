"""Second implementation of the key schedule and the seals, written from the documents alone.

    python schedule.py make > ../Vectors/seals/schedule.json
    python schedule.py check FILE

`make` writes vectors from fixed inputs; `check` computes every step of a file again and names the first difference.
Fields and byte layouts: Tests/Vectors/seals/README.md.
"""

import hashlib
import hmac
import json
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKeyPair
from pyhpke.exceptions import PyHPKEError

import schedule_wire as wire

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
LOGIN = b"/countersign.v1.Checkout/Login"
ISSUE_IDENTITY = b"/countersign.v1.Checkout/IssueIdentity"
SUBMIT_PAYMENT = b"/countersign.v1.Checkout/SubmitPayment"
GET_PAYMENT = b"/countersign.v1.Checkout/GetPayment"
LOGOUT = b"/countersign.v1.Checkout/Logout"

# Fields of a case that are text; every other field is lower-case hex.
TEXT_FIELDS = {"name", "service_name"}
# Fields that a maker may leave out: one that cannot fix its ephemeral keys still gives vectors that can be checked.
OPTIONAL_FIELDS = {"enrolment_ephemeral_private_key", "ephemeral_private_key"}


class Difference(Exception):
    """A step that does not come out as the case says."""

    def __init__(self, name, detail):
        super().__init__(f"{name}: {detail}")
        self.name = name


# Building blocks


def pack(label, *fields):
    """ASCII label, one zero byte, then each field behind its u32 big-endian length."""
    return label.encode("ascii") + b"\0" + b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def u64(number):
    return number.to_bytes(8, "big")


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def sequence_nonce(sequence):
    """4 zero bytes, then the 8 bytes of the sequence."""
    return bytes(4) + sequence


def seal(key, nonce, plaintext, aad):
    """AES-256-GCM, the 16-byte tag behind the ciphertext."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(key, nonce, sealed, aad):
    """Opens what `seal` made; InvalidTag where anything differs."""
    return AESGCM(key).decrypt(nonce, sealed, aad)


def verifies(public_key, signature, data):
    """Whether a signature is good; the kind of key decides the algorithm."""
    try:
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(signature, data)
        elif isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        elif isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name == "secp256r1":
            public_key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name == "secp384r1":
            public_key.verify(signature, data, ec.ECDSA(hashes.SHA384()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


# HPKE


def hpke_info(service_name, root_digest, key_id):
    return pack("countersign/1 hpke", service_name, root_digest, key_id)


def x25519_public(private_key):
    return x25519.X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def hpke_sender(recipient_public_key, ephemeral_private_key, info):
    """The encapsulated key and the sender's context, base mode, with a given ephemeral key."""
    ephemeral = KEMKeyPair(
        SUITE.kem.deserialize_private_key(ephemeral_private_key),
        SUITE.kem.deserialize_public_key(x25519_public(ephemeral_private_key)),
    )
    recipient = SUITE.kem.deserialize_public_key(recipient_public_key)
    return SUITE.create_sender_context(recipient, info, eks=ephemeral)


def hpke_recipient(enc, recipient_private_key, info):
    return SUITE.create_recipient_context(enc, SUITE.kem.deserialize_private_key(recipient_private_key), info)


def hpke_shared_secret(enc, recipient_private_key):
    """What the KEM gives to the key schedule (RFC 9180 section 4.1)."""
    return SUITE.kem.decap(enc, SUITE.kem.deserialize_private_key(recipient_private_key))


# Steps of the protocol


def statement_input(statement):
    return pack("countersign/1 statement", statement)


def countersignature_input(statement, statement_signature, company_digest):
    return pack("countersign/1 countersignature", statement, statement_signature, company_digest)


def sealing_key_input(sealing_key):
    return pack("countersign/1 sealing", sealing_key)


def profile_input(profile):
    return pack("countersign/1 profile", profile)


def exporter_context(name, statement_digest):
    return pack("countersign/1 key", name.encode("ascii"), statement_digest)


def proof_input(method, session, sequence):
    return pack("countersign/1 call", method, session, sequence)


def reply_aad(method, digest):
    return pack("countersign/1 reply", method, digest)


def payment_key(login_key, identity, mac_address, session, certificate_digest):
    info = pack("countersign/1 payment key", session, certificate_digest)
    return HKDF(hashes.SHA256(), 32, salt=identity + mac_address, info=info).derive(login_key)


def keyword_aad(order):
    return pack("countersign/1 keyword", order)


def payment_aad(order, keyword):
    return pack("countersign/1 payment", order, keyword)


def open_payment(case, order, keyword, payment):
    """What the server does with a SubmitPayment: the card data, read only with what the keyword brought.

    InvalidTag where a seal does not open; Difference where the keyword holds another identity or MAC address than the
    session.
    """
    nonce = sequence_nonce(u64(wire.decode(wire.PAYMENT_ORDER, order)["sequence"]))
    opened = unseal(case["keyword_key"], nonce, keyword, keyword_aad(order))
    identity, mac_address = opened[:32], opened[32:]
    stored = sha256(pack("countersign/1 stored identity", case["session"], identity))
    if not hmac.compare_digest(stored, case["stored_identity"]):
        raise Difference("keyword.identity", "is not the session's")
    if not hmac.compare_digest(mac_address, case["mac_address"]):
        raise Difference("keyword.mac_address", "is not the session's")
    digest = sha256(case["consultant_certificate"])
    key = payment_key(case["login_key"], identity, mac_address, case["session"], digest)
    return unseal(key, nonce, payment, payment_aad(order, keyword))


# A whole case


class Transcript:
    """The fields of one case while they are computed (`making`) or compared."""

    def __init__(self, case, making):
        self.case, self.making = case, making
        self.seen = set()

    def __getitem__(self, name):
        self.seen.add(name)
        if name not in self.case:
            raise Difference(name, "is missing")
        return self.case[name]

    def given(self, name):
        """Whether an optional input is there."""
        return name in self.case

    def sized(self, name, length):
        """An input of a fixed length in bytes."""
        value = self[name]
        if len(value) != length:
            raise Difference(name, f"has {len(value)} bytes, not {length}")
        return value

    def step(self, name, value):
        """A computed field: kept while making, else compared with the given one."""
        if self.making:
            self.case[name] = value
        elif self[name] != value:
            raise Difference(name, f"is {self[name].hex()}, computed {value.hex()}")
        self.seen.add(name)
        return value

    def equal(self, name, value, expected):
        """A part of an input that must repeat another field."""
        if value != expected:
            raise Difference(name, f"is {value!r}, expected {expected!r}")

    def message(self, name, layout, **expected):
        """Reads a serialized input strictly and compares some of its fields."""
        try:
            message = wire.decode(layout, self[name])
        except ValueError as error:
            raise Difference(name, str(error)) from error
        for field, value in expected.items():
            self.equal(f"{name}.{field}", message[field], value)
        return message

    def signature(self, name, load_key, data):
        """A signature is an input, because not every algorithm gives the same bytes twice."""
        try:
            good = verifies(load_key(), self[name], data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Difference(name, f"key cannot be read: {error}") from error
        if not good:
            raise Difference(name, "does not verify")

    def encapsulated(self, name, ephemeral_name, info):
        """Encapsulated key (computed where the ephemeral key is given) and the recipient's context."""
        if self.given(ephemeral_name):
            ephemeral = self.sized(ephemeral_name, 32)
            self.step(name, hpke_sender(self["recipient_public_key"], ephemeral, info)[0])
        try:
            return hpke_recipient(self.sized(name, 32), self["recipient_private_key"], info)
        except PyHPKEError as error:
            raise Difference(name, "gives no shared secret") from error


def walk(t):
    """Every step in the order of the protocol."""
    t["name"]
    info = walk_service(t)
    walk_enrolment(t, info)
    walk_login(t, info)
    walk_identity(t)
    walk_payment(t)
    walk_lookup(t)
    walk_proof(t, "logout", LOGOUT)


def walk_service(t):
    """Root, sealing key and profile. Returns the info of every HPKE context, the preset encryption information."""
    service_name = t["service_name"]
    root_digest = t.step("root_digest", sha256(t["root_certificate"]))
    public_key = t.step("recipient_public_key", x25519_public(t.sized("recipient_private_key", 32)))
    key_id = t.sized("sealing_key_id", 8)
    text = service_name.decode("ascii")

    def signer():
        return load_der_public_key(t["sealing_leaf_public_key"])

    t.message("sealing_key", wire.SEALING_KEY, id=key_id, public_key=public_key, service_name=text)
    signing_input = t.step("sealing_key_signing_input", sealing_key_input(t["sealing_key"]))
    t.signature("sealing_key_signature", signer, signing_input)

    t.message("profile", wire.PROFILE, service_name=text, root_fingerprint=root_digest)
    signing_input = t.step("profile_signing_input", profile_input(t["profile"]))
    t.signature("profile_signature", signer, signing_input)
    return t.step("hpke_info", hpke_info(service_name, root_digest, key_id))


def walk_enrolment(t, info):
    """Single-shot seal: the first and only message of its own HPKE context."""
    t.message("enrolment_secret", wire.ENROL_SECRET, mac_address=t.sized("mac_address", 6))
    recipient = t.encapsulated("enrolment_enc", "enrolment_ephemeral_private_key", info)
    t.step("enrolment_shared_secret", hpke_shared_secret(t["enrolment_enc"], t["recipient_private_key"]))
    aad = t.step("enrolment_aad", pack("countersign/1 enrolment"))
    if t.given("enrolment_ephemeral_private_key"):
        _, sender = hpke_sender(t["recipient_public_key"], t["enrolment_ephemeral_private_key"], info)
        t.step("enrolment_box", sender.seal(t["enrolment_secret"], aad))
    try:
        opened = recipient.open(t["enrolment_box"], aad)
    except PyHPKEError as error:
        raise Difference("enrolment_box", "does not open") from error
    t.equal("enrolment_box", opened, t["enrolment_secret"])


def walk_login(t, info):
    """Statement, both signatures, the five keys and the sealed answer."""
    recipient = t.encapsulated("enc", "ephemeral_private_key", info)
    t.step("shared_secret", hpke_shared_secret(t["enc"], t["recipient_private_key"]))
    consultant, company = t["consultant_certificate"], t["company_certificate"]
    consultant_digest = t.step("consultant_certificate_digest", sha256(consultant))
    company_digest = t.step("company_certificate_digest", sha256(company))
    t.message(
        "statement",
        wire.LOGIN_STATEMENT,
        challenge=t.sized("challenge", 32),
        service_name=t["service_name"].decode("ascii"),
        root_fingerprint=t["root_digest"],
        sealing_key_id=t["sealing_key_id"],
        enc=t["enc"],
        mac_address=t["mac_address"],
        certificate_digest=consultant_digest,
    )
    statement = t["statement"]
    signing_input = t.step("statement_signing_input", statement_input(statement))
    t.signature("statement_signature", lambda: certificate_key(consultant), signing_input)
    signing_input = countersignature_input(statement, t["statement_signature"], company_digest)
    t.step("countersignature_input", signing_input)
    t.signature("countersignature", lambda: certificate_key(company), signing_input)

    statement_digest = t.step("statement_digest", sha256(statement))
    for name in ("callKey", "identityKey", "keywordKey", "loginKey", "replyKey"):
        field = name.replace("Key", "_key")
        context = t.step(f"{field}_context", exporter_context(name, statement_digest))
        t.step(field, recipient.export(context, 32))

    t.message("login_result", wire.LOGIN_RESULT, session=t.sized("session", 16))
    walk_reply(t, "login", LOGIN, u64(0), statement_digest, t["login_result"])


def walk_identity(t):
    """The second identity, what the database keeps of it, and the box it travels in."""
    proof = walk_proof(t, "identity", ISSUE_IDENTITY)
    session = t["session"]
    fields = session, t.sized("consultant_id", 8), t["consultant_certificate_digest"]
    identity_input = t.step("second_identity_input", pack("countersign/1 second identity", *fields))
    identity = t.step("second_identity", hmac_sha256(t.sized("identity_random", 32), identity_input))
    stored_input = t.step("stored_identity_input", pack("countersign/1 stored identity", session, identity))
    t.step("stored_identity", sha256(stored_input))
    aad = t.step("identity_aad", pack("countersign/1 identity", session, proof))
    t.step("identity_box", seal(t["identity_key"], t.sized("identity_nonce", 12), identity, aad))


def walk_payment(t):
    """Keyword and payment of one order, and the sealed answer."""
    sequence, session, order = t.sized("payment_sequence", 8), t["session"], t["order"]
    number = int.from_bytes(sequence, "big")
    ordered = t.message("order", wire.PAYMENT_ORDER, session=session, sequence=number)
    order_digest = t.step("order_digest", sha256(order))
    nonce = t.step("payment_nonce", sequence_nonce(sequence))

    plaintext = t.step("keyword_plaintext", t["second_identity"] + t["mac_address"])
    aad = t.step("keyword_aad", keyword_aad(order))
    keyword = t.step("keyword", seal(t["keyword_key"], nonce, plaintext, aad))

    identity, mac_address, digest = t["second_identity"], t["mac_address"], t["consultant_certificate_digest"]
    t.step("payment_key_salt", identity + mac_address)
    t.step("payment_key_info", pack("countersign/1 payment key", session, digest))
    key = t.step("payment_key", payment_key(t["login_key"], identity, mac_address, session, digest))
    t.message("card_data", wire.CARD_DATA)
    aad = t.step("payment_aad", payment_aad(order, keyword))
    t.step("payment", seal(key, nonce, t["card_data"], aad))
    t.equal("payment", open_payment(t, order, keyword, t["payment"]), t["card_data"])

    t.message("payment_answer", wire.PAYMENT_ANSWER, idempotency_key=ordered["idempotency_key"])
    walk_reply(t, "payment", SUBMIT_PAYMENT, sequence, order_digest, t["payment_answer"])


def walk_lookup(t):
    """GetPayment for the same order."""
    proof = walk_proof(t, "lookup", GET_PAYMENT)
    digest = t.step("lookup_proof_digest", sha256(proof))
    idempotency_key = wire.decode(wire.PAYMENT_ORDER, t["order"])["idempotency_key"]
    t.message("lookup_answer", wire.PAYMENT_ANSWER, idempotency_key=idempotency_key)
    walk_reply(t, "lookup", GET_PAYMENT, t["lookup_sequence"], digest, t["lookup_answer"])


def walk_proof(t, prefix, method):
    call = t.step(f"{prefix}_proof_input", proof_input(method, t["session"], t.sized(f"{prefix}_sequence", 8)))
    return t.step(f"{prefix}_proof", hmac_sha256(t["call_key"], call))


def walk_reply(t, prefix, method, sequence, digest, plaintext):
    nonce = t.step(f"{prefix}_reply_nonce", sequence_nonce(sequence))
    aad = t.step(f"{prefix}_reply_aad", reply_aad(method, digest))
    t.step(f"{prefix}_reply_body", seal(t["reply_key"], nonce, plaintext, aad))


def certificate_key(der):
    return x509.load_der_x509_certificate(der).public_key()


# Files


def case_from_json(fields):
    """Bytes of every field. Difference for a value that is not a string or not lower-case hex."""
    case = {}
    for name, text in fields.items():
        if not isinstance(text, str):
            raise Difference(name, "is not a string")
        if name in TEXT_FIELDS:
            if not text.isascii():
                raise Difference(name, "is not ASCII")
            case[name] = text.encode("ascii")
            continue
        try:
            case[name] = bytes.fromhex(text)
        except ValueError as error:
            raise Difference(name, "is not hex") from error
        if case[name].hex() != text:
            raise Difference(name, "is not lower-case hex without spaces")
    return case


def case_to_json(case):
    return {name: value.decode("ascii") if name in TEXT_FIELDS else value.hex() for name, value in case.items()}


def check_case(case):
    """Computes a case again; Difference at the first step that is not the same."""
    t = Transcript(case, making=False)
    walk(t)
    for name in case:
        if name not in t.seen:
            raise Difference(name, "is not a field of a case")


def complete_case(inputs):
    """A whole case from its inputs."""
    t = Transcript(dict(inputs), making=True)
    walk(t)
    return t.case


def make():
    from schedule_cases import all_inputs

    cases = [case_to_json(complete_case(inputs)) for inputs in all_inputs()]
    return json.dumps({"cases": cases}, indent=2) + "\n"


def check(path):
    """Exit code: 0 where every case agrees, 1 at the first difference."""
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    for index, fields in enumerate(cases):
        try:
            check_case(case_from_json(fields))
        except Difference as difference:
            print(f"case {index} ({fields.get('name')}): {difference}")
            return 1
    print(f"{len(cases)} cases agree")
    return 0 if cases else 1


def main(arguments):
    if arguments == ["make"]:
        sys.stdout.write(make())
        return 0
    if len(arguments) == 2 and arguments[0] == "check":
        return check(arguments[1])
    print("usage: schedule.py make | schedule.py check FILE", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
