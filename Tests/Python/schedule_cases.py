"""Fixed inputs of the vectors. Every secret is SHA-256 of a text that names it; no key here is used anywhere else."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

import schedule_wire as wire
from schedule import (
    countersignature_input,
    profile_input,
    sealing_key_input,
    sha256,
    statement_input,
    u64,
    x25519_public,
)

APPROVED, DECLINED, PENDING = 1, 2, 4
STATE_APPROVED, STATE_DECLINED, STATE_UNKNOWN = 2, 3, 5


def fixed(name, purpose, length=32):
    return sha256(f"countersign vector {name} {purpose}".encode())[:length]


def ed25519_key(name, purpose):
    return ed25519.Ed25519PrivateKey.from_private_bytes(fixed(name, purpose))


def ec_key(curve, name, purpose):
    return ec.derive_private_key(int.from_bytes(fixed(name, purpose), "big"), curve)


def sign(key, data):
    """Repeatable signatures only, so that the file comes out the same each time (ECDSA: RFC 6979)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    digest = hashes.SHA256() if key.curve.name == "secp256r1" else hashes.SHA384()
    return key.sign(data, ec.ECDSA(digest, deterministic_signing=True))


def certificate(subject, key, issuer, issuer_key, serial):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(
        issuer_name=name(issuer),
        subject_name=name(subject),
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=datetime.datetime(2026, 1, 1),
        not_valid_after=datetime.datetime(2036, 1, 1),
    )
    return builder.sign(issuer_key, None).public_bytes(Encoding.DER)


def uuid7(name, purpose):
    raw = bytearray(fixed(name, purpose, 16))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def inputs(name, service_name, keys, mac_address, consultant_id, sequences, order, card, answers):
    """Everything that is not computed. `keys`: of consultant and company; `sequences`: of IssueIdentity, SubmitPayment,
    GetPayment and Logout; `order`: without session, sequence and key; `answers`: to SubmitPayment and GetPayment,
    without key."""
    consultant_key, company_key = keys
    root_key, sealing_leaf = ed25519_key(name, "root"), ed25519_key(name, "sealing leaf")
    root = certificate("Vector root", root_key, "Vector root", root_key, 1)
    case = {
        "name": name.encode(),
        "service_name": service_name.encode(),
        "root_certificate": root,
        "sealing_leaf_public_key": sealing_leaf.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        "recipient_private_key": fixed(name, "recipient"),
        "sealing_key_id": fixed(name, "sealing key id", 8),
        "mac_address": bytes.fromhex(mac_address),
        "consultant_certificate": certificate("Vector consultant", consultant_key, "Vector root", root_key, 2),
        "company_certificate": certificate("Vector company", company_key, "Vector root", root_key, 3),
        "enrolment_ephemeral_private_key": fixed(name, "enrolment ephemeral"),
        "ephemeral_private_key": fixed(name, "ephemeral"),
        "challenge": fixed(name, "challenge"),
        "session": fixed(name, "session", 16),
        "consultant_id": u64(consultant_id),
        "identity_random": fixed(name, "identity random"),
        "identity_nonce": fixed(name, "identity nonce", 12),
    }
    case |= zip(("identity_sequence", "payment_sequence", "lookup_sequence", "logout_sequence"), map(u64, sequences))
    case |= messages(case, service_name, sequences[1], order, card, answers)
    case["sealing_key_signature"] = sign(sealing_leaf, sealing_key_input(case["sealing_key"]))
    case["profile_signature"] = sign(sealing_leaf, profile_input(case["profile"]))
    case["statement_signature"] = sign(consultant_key, statement_input(case["statement"]))
    company_digest = sha256(case["company_certificate"])
    countersigned = countersignature_input(case["statement"], case["statement_signature"], company_digest)
    case["countersignature"] = sign(company_key, countersigned)
    return case


def messages(case, service_name, payment_sequence, order, card, answers):
    """The serialized messages of a case."""
    name = case["name"].decode()
    root_digest = sha256(case["root_certificate"])
    key = uuid7(name, "idempotency key")
    bound = {"session": case["session"], "sequence": payment_sequence, "idempotency_key": key}
    parts = {
        "sealing_key": (wire.SEALING_KEY, {
            "id": case["sealing_key_id"],
            "public_key": x25519_public(case["recipient_private_key"]),
            "service_name": service_name,
            "not_before_ms": 1_790_000_000_000,
            "not_after_ms": 1_790_093_600_000,
        }),
        "profile": (wire.PROFILE, {
            "service_name": service_name,
            "root_fingerprint": root_digest,
            "hop_host": "192.0.2.7",
            "hop_port": 8443,
            "hop_dns_name": service_name,
            "hop_role": 1,
            "number": 3,
            "not_after_ms": 1_821_536_000_000,
        }),
        "enrolment_secret": (wire.ENROL_SECRET, {
            "token": fixed(name, "token", 16),
            "certificate_request": fixed(name, "stands for a PKCS#10 request"),
            "mac_address": case["mac_address"],
            "program_version": "countersign-terminal 1.0.0",
        }),
        "statement": (wire.LOGIN_STATEMENT, {
            "challenge": case["challenge"],
            "service_name": service_name,
            "root_fingerprint": root_digest,
            "sealing_key_id": case["sealing_key_id"],
            "enc": x25519_public(case["ephemeral_private_key"]),
            "mac_address": case["mac_address"],
            "certificate_digest": sha256(case["consultant_certificate"]),
            "program_version": "countersign-terminal 1.0.0",
        }),
        "login_result": (wire.LOGIN_RESULT, {
            "session": case["session"],
            "login_time_ms": 1_790_000_123_456,
            "idle_ms": 900_000,
            "lifetime_ms": 43_200_000,
            "consultant": "Kim Minji",
            "company": "Vector Telesales",
        }),
        "order": (wire.PAYMENT_ORDER, bound | order),
        "card_data": (wire.CARD_DATA, card),
        "payment_answer": (wire.PAYMENT_ANSWER, {"idempotency_key": key} | answers[0]),
        "lookup_answer": (wire.PAYMENT_ANSWER, {"idempotency_key": key} | answers[1]),
    }
    return {field: wire.encode(layout, message) for field, (layout, message) in parts.items()}


def result(order, masked_card, outcome, state, approval_code="", response_code=""):
    repeated = {field: order[field] for field in ("amount", "currency", "order_reference")}
    return {"result": repeated | {
        "payment": 41,
        "outcome": outcome,
        "state": state,
        "approval_code": approval_code,
        "response_code": response_code,
        "masked_card": masked_card,
        "time_ms": 1_790_000_130_000,
    }}


def approved_case():
    """Small sequences, every field of the card data."""
    name = "ed25519, approved"
    order = {"order_reference": "A-1001", "amount": 129_000, "currency": "KRW", "not_after_ms": 90_000}
    card = {
        "card_number": "4111111111111111",
        "expiry_year": 2031,
        "expiry_month": 9,
        "password_digits": "12",
        "security_code": "123",
        "payer_identification": "900101",
    }
    answer = result(order, "411111******1111", APPROVED, STATE_APPROVED, "123456", "00")
    return inputs(
        name,
        "pay.example",
        (ed25519_key(name, "consultant"), ed25519_key(name, "company")),
        "0242ac110002",
        7,
        (1, 2, 3, 4),
        order,
        card,
        (answer, answer),
    )


def ecdsa_case():
    """P-256 and P-384, sequences over 32 bits, text that is not ASCII, an outcome that is not known at first."""
    name = "p256 and p384, pending then declined"
    order = {
        "order_reference": "주문 2026-10",
        "amount": 3_500_000_000,
        "currency": "USD",
        "instalment_months": 12,
        "not_after_ms": 43_199_999,
    }
    card = {
        "card_number": "378282246310005",
        "expiry_year": 2028,
        "expiry_month": 12,
        "password_digits": "07",
        "payer_identification": "1234567890",
    }
    mask = "378282*****0005"
    answers = (
        result(order, mask, PENDING, STATE_UNKNOWN),
        result(order, mask, DECLINED, STATE_DECLINED, response_code="51"),
    )
    return inputs(
        name,
        "checkout.service-2.example",
        (ec_key(ec.SECP256R1(), name, "consultant"), ec_key(ec.SECP384R1(), name, "company")),
        "a8a15900fffe",
        0x0102030405060708,
        (0x100000001, 0x100000002, 0x1FFFFFFFF, 0x200000000),
        order,
        card,
        answers,
    )


def refused_case():
    """The highest sequences, the least card data, a refusal under the seal."""
    name = "largest sequences, refused"
    order = {"order_reference": "z", "amount": 1, "currency": "KRW", "not_after_ms": 1}
    card = {"card_number": "6011000990139424", "expiry_year": 2027, "expiry_month": 1}
    expired = {"code": 9, "reason": "PAYMENT_EXPIRED", "text": "held too long", "field": "order.not_after_ms"}
    unknown = {"code": 5, "reason": "NOT_FOUND", "text": "no such payment"}
    top = 2**64 - 1
    return inputs(
        name,
        "a",
        (ed25519_key(name, "consultant"), ec_key(ec.SECP256R1(), name, "company")),
        "000000000001",
        top,
        (top - 3, top - 2, top - 1, top),
        order,
        card,
        ({"refusal": expired}, {"refusal": unknown}),
    )


def all_inputs():
    return [approved_case(), ecdsa_case(), refused_case()]
