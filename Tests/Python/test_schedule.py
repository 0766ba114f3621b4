"""Tests of the second implementation and of the vectors in Tests/Vectors/seals/schedule.json.

Outside truth: RFC 9180 computed by hand from HMAC and X25519, and protoc for the serialized messages.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519

import schedule
import schedule_wire as wire
from schedule import Difference, check_case, complete_case, hmac_sha256, open_payment, pack, seal, sequence_nonce, u64
from schedule_cases import all_inputs, approved_case

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "Vectors" / "seals" / "schedule.json"
PROTO = HERE.parent.parent / "proto"

CASES = [schedule.case_from_json(fields) for fields in json.loads(VECTORS.read_text())["cases"]]

# Input whose bit is flipped, then the step that must fail first.
FIRST_FAILURE = {
    "service_name": "sealing_key.service_name",
    "root_certificate": "root_digest",
    "sealing_leaf_public_key": "sealing_key_signature",
    "recipient_private_key": "recipient_public_key",
    "sealing_key_id": "sealing_key.id",
    "mac_address": "enrolment_secret.mac_address",
    "consultant_certificate": "consultant_certificate_digest",
    "company_certificate": "company_certificate_digest",
    "enrolment_ephemeral_private_key": "enrolment_enc",
    "ephemeral_private_key": "enc",
    "challenge": "statement.challenge",
    "session": "login_result.session",
    "consultant_id": "second_identity_input",
    "identity_random": "second_identity",
    "identity_nonce": "identity_box",
    "identity_sequence": "identity_proof_input",
    "payment_sequence": "order.sequence",
    "lookup_sequence": "lookup_proof_input",
    "logout_sequence": "logout_proof_input",
    "sealing_key_signature": "sealing_key_signature",
    "profile_signature": "profile_signature",
    "statement_signature": "statement_signature",
    "countersignature": "countersignature",
}
# Serialized inputs: the value of this field is flipped, so that the message still parses.
FLIPPED_FIELD = {
    "sealing_key": ("not_after_ms", "sealing_key_signing_input"),
    "profile": ("hop_port", "profile_signing_input"),
    "enrolment_secret": ("token", "enrolment_box"),
    "statement": ("program_version", "statement_signing_input"),
    "login_result": ("lifetime_ms", "login_reply_body"),
    "order": ("amount", "order_digest"),
    "card_data": ("expiry_month", "payment"),
    "payment_answer": ("idempotency_key", "payment_answer.idempotency_key"),
    "lookup_answer": ("idempotency_key", "lookup_answer.idempotency_key"),
}
LAYOUTS = {
    "sealing_key": (wire.SEALING_KEY, "SealingKey"),
    "profile": (wire.PROFILE, "Profile"),
    "enrolment_secret": (wire.ENROL_SECRET, "EnrolSecret"),
    "statement": (wire.LOGIN_STATEMENT, "LoginStatement"),
    "login_result": (wire.LOGIN_RESULT, "LoginResult"),
    "order": (wire.PAYMENT_ORDER, "PaymentOrder"),
    "card_data": (wire.CARD_DATA, "CardData"),
    "payment_answer": (wire.PAYMENT_ANSWER, "PaymentAnswer"),
    "lookup_answer": (wire.PAYMENT_ANSWER, "PaymentAnswer"),
}
# `name` is free text, the rest is either an input or computed.
COMPUTED = sorted(set(CASES[0]) - set(FIRST_FAILURE) - set(FLIPPED_FIELD) - {"name"})


def flipped(data):
    """One bit in the middle: X25519 ignores some bits at both ends of a private key."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def changed(value):
    if isinstance(value, int):
        return value ^ 1
    return flipped(value.encode()).decode() if isinstance(value, str) else flipped(value)


def first_difference(case):
    with pytest.raises(Difference) as caught:
        check_case(case)
    return caught.value.name


@pytest.fixture(params=range(len(CASES)), ids=[case["name"].decode() for case in CASES])
def case(request):
    return dict(CASES[request.param])


# The vectors


def test_make_gives_the_committed_file():
    assert schedule.make() == VECTORS.read_text()


def test_committed_case_agrees(case):
    check_case(case)


def test_case_without_ephemeral_keys_agrees(case):
    del case["ephemeral_private_key"], case["enrolment_ephemeral_private_key"]
    check_case(case)


def test_every_case_has_the_same_fields():
    assert all(set(case) == set(CASES[0]) for case in CASES)


def test_message_is_what_protoc_writes(case):
    if shutil.which("protoc") is None:
        pytest.skip("protoc is not installed")
    for field, (_, message) in LAYOUTS.items():
        file = "enrolment" if message in ("Profile", "EnrolSecret") else "checkout"
        common = [f"-I{PROTO}", f"countersign/v1/{file}.proto"]

        def protoc(direction, data):
            command = ["protoc", f"--{direction}=countersign.v1.{message}", *common]
            return subprocess.run(command, input=data, capture_output=True, check=True).stdout

        text = protoc("decode", case[field])
        assert protoc("encode", text) == case[field], field
        for number in range(1, 16):
            assert not any(line.strip().startswith(f"{number}:".encode()) for line in text.splitlines()), field


# Building blocks


def test_pack_layout():
    assert pack("a b", b"", b"xyz") == b"a b\0" + b"\0\0\0\0" + b"\0\0\0\3xyz"


def test_pack_without_fields_is_label_and_zero():
    assert pack("countersign/1 enrolment") == b"countersign/1 enrolment\0"


def test_pack_tells_apart_where_fields_end():
    assert pack("l", b"ab", b"c") != pack("l", b"a", b"bc")


def test_hpke_is_rfc_9180_by_hand(case):
    def extract(suite, salt, label, ikm):
        return hmac_sha256(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)

    def expand(suite, prk, label, info):
        return hmac_sha256(prk, (32).to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1")

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    private_key = x25519.X25519PrivateKey.from_private_bytes(case["recipient_private_key"])
    dh = private_key.exchange(x25519.X25519PublicKey.from_public_bytes(case["enc"]))
    kem_context = case["enc"] + private_key.public_key().public_bytes_raw()
    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", kem_context)
    assert shared == case["shared_secret"]

    psk_id_hash = extract(suite, b"", b"psk_id_hash", b"")
    info_hash = extract(suite, b"", b"info_hash", case["hpke_info"])
    secret = extract(suite, shared, b"secret", b"")
    exporter = expand(suite, secret, b"exp", b"\0" + psk_id_hash + info_hash)
    for key in ("call_key", "identity_key", "keyword_key", "login_key", "reply_key"):
        assert expand(suite, exporter, b"sec", case[f"{key}_context"]) == case[key]


def test_payment_key_is_rfc_5869_by_hand(case):
    prk = hmac_sha256(case["second_identity"] + case["mac_address"], case["login_key"])
    assert hmac_sha256(prk, case["payment_key_info"] + b"\1") == case["payment_key"]


def test_rsa_pss_with_salt_of_32_verifies_and_another_salt_does_not():
    key = rsa.generate_private_key(65537, 2048)
    for salt, good in ((32, True), (20, False)):
        signature = key.sign(b"data", padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
        assert schedule.verifies(key.public_key(), signature, b"data") is good


def test_curve_outside_the_list_is_refused():
    key = ec.generate_private_key(ec.SECP521R1())
    assert not schedule.verifies(key.public_key(), key.sign(b"data", ec.ECDSA(hashes.SHA512())), b"data")


@pytest.mark.parametrize(
    "data",
    [b"\x48\x01", b"\x0a\x01a\x0a\x01a", b"\x08\x01", b"\x0a\x05a", b"\x10", b"\x10" + b"\xff" * 9 + b"\x02"],
    ids=["unknown field", "field twice", "wrong wire type", "cut bytes", "cut number", "number over 64 bits"],
)
def test_order_is_read_strictly(data):
    with pytest.raises(ValueError):
        wire.decode(wire.PAYMENT_ORDER, data)


# A flipped bit


@pytest.mark.parametrize("field", FIRST_FAILURE)
def test_flipped_input_fails_at(case, field):
    case[field] = flipped(case[field])
    assert first_difference(case) == FIRST_FAILURE[field]


@pytest.mark.parametrize("field", FLIPPED_FIELD)
def test_flipped_message_fails_at(case, field):
    part, expected = FLIPPED_FIELD[field]
    layout, _ = LAYOUTS[field]
    message = wire.decode(layout, case[field])
    message[part] = changed(message[part])
    case[field] = wire.encode(layout, message)
    assert first_difference(case) == expected


@pytest.mark.parametrize("field", COMPUTED)
def test_flipped_step_is_named(case, field):
    case[field] = flipped(case[field])
    assert first_difference(case) == field


@pytest.mark.parametrize("field", ["enrolment_enc", "enrolment_box", "enc"])
def test_flipped_seal_fails_without_ephemeral_keys(case, field):
    del case["ephemeral_private_key"], case["enrolment_ephemeral_private_key"]
    case[field] = flipped(case[field])
    first = {"enrolment_enc": "enrolment_shared_secret", "enc": "shared_secret"}.get(field, field)
    assert first_difference(case) == first


# What the server must refuse


def another_order(case, **change):
    order = wire.decode(wire.PAYMENT_ORDER, case["order"])
    return wire.encode(wire.PAYMENT_ORDER, order | change)


def sealed_payment(case, identity, mac_address, order=None):
    """Keyword and payment as a terminal with this identity and address makes them."""
    order = order or case["order"]
    nonce = sequence_nonce(u64(wire.decode(wire.PAYMENT_ORDER, order)["sequence"]))
    keyword = seal(case["keyword_key"], nonce, identity + mac_address, schedule.keyword_aad(order))
    digest = case["consultant_certificate_digest"]
    key = schedule.payment_key(case["login_key"], identity, mac_address, case["session"], digest)
    return keyword, seal(key, nonce, case["card_data"], schedule.payment_aad(order, keyword))


def test_payment_opens(case):
    assert len(case["keyword"]) == 54
    assert open_payment(case, case["order"], case["keyword"], case["payment"]) == case["card_data"]


def test_keyword_moved_to_another_order_does_not_open(case):
    order = another_order(case, idempotency_key=bytes(16))
    with pytest.raises(InvalidTag):
        open_payment(case, order, case["keyword"], case["payment"])


def test_changed_amount_does_not_open(case):
    with pytest.raises(InvalidTag):
        open_payment(case, another_order(case, amount=2), case["keyword"], case["payment"])


def test_payment_moved_to_another_order_does_not_open(case):
    order = another_order(case, order_reference="other")
    keyword, _ = sealed_payment(case, case["second_identity"], case["mac_address"], order)
    with pytest.raises(InvalidTag):
        open_payment(case, order, keyword, case["payment"])


def test_payment_moved_to_another_keyword_does_not_open(case):
    # Only the associated data tells the two apart: same order, same identity and MAC address, so the same payment key.
    key = schedule.payment_key(
        case["login_key"],
        case["second_identity"],
        case["mac_address"],
        case["session"],
        case["consultant_certificate_digest"],
    )
    aad = schedule.payment_aad(case["order"], flipped(case["keyword"]))
    payment = seal(key, case["payment_nonce"], case["card_data"], aad)
    with pytest.raises(InvalidTag):
        open_payment(case, case["order"], case["keyword"], payment)


def test_identity_of_another_session_is_refused(case):
    keyword, payment = sealed_payment(case, flipped(case["second_identity"]), case["mac_address"])
    with pytest.raises(Difference, match="keyword.identity"):
        open_payment(case, case["order"], keyword, payment)


def test_right_identity_with_another_mac_address_is_refused(case):
    keyword, payment = sealed_payment(case, case["second_identity"], flipped(case["mac_address"]))
    with pytest.raises(Difference, match="keyword.mac_address"):
        open_payment(case, case["order"], keyword, payment)


def test_payment_under_another_sequence_does_not_open(case):
    order = another_order(case, sequence=9)
    with pytest.raises(InvalidTag):
        open_payment(case, order, case["keyword"], case["payment"])


def test_reply_to_another_method_does_not_open(case):
    aad = schedule.reply_aad(schedule.GET_PAYMENT, case["order_digest"])
    with pytest.raises(InvalidTag):
        schedule.unseal(case["reply_key"], case["payment_reply_nonce"], case["payment_reply_body"], aad)


def test_keys_of_two_statements_differ():
    inputs = approved_case()
    first = complete_case(inputs)
    other = wire.decode(wire.LOGIN_STATEMENT, inputs["statement"]) | {"program_version": "other"}
    digest = schedule.sha256(wire.encode(wire.LOGIN_STATEMENT, other))
    recipient = schedule.hpke_recipient(first["enc"], first["recipient_private_key"], first["hpke_info"])
    assert recipient.export(schedule.exporter_context("loginKey", digest), 32) != first["login_key"]


# The program


def run(*arguments):
    command = [sys.executable, str(HERE / "schedule.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def changed_file(tmp_path, change):
    document = json.loads(VECTORS.read_text())
    change(document["cases"][1])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    return path


def test_check_of_the_committed_file_exits_0():
    assert run("check", VECTORS).returncode == 0


@pytest.mark.parametrize(
    "change, name",
    [
        (lambda fields: fields.update(login_key="00" * 32), "login_key: is 00"),
        (lambda fields: fields.pop("keyword"), "keyword: is missing"),
        (lambda fields: fields.update(keyward="00"), "keyward: is not a field"),
        (lambda fields: fields.update(keyword=fields["keyword"].upper()), "keyword: is not lower-case hex"),
        (lambda fields: fields.update(keyword="zz"), "keyword: is not hex"),
        (lambda fields: fields.update(consultant_id=7), "consultant_id: is not a string"),
        (lambda fields: fields.update(session="00" * 15), "session: has 15 bytes"),
    ],
)
def test_check_names_the_difference_and_exits_1(tmp_path, change, name):
    result = run("check", changed_file(tmp_path, change))
    assert result.returncode == 1
    assert result.stdout.startswith("case 1 (p256 and p384, pending then declined): " + name)


def test_check_of_no_cases_exits_1(tmp_path):
    path = tmp_path / "empty.json"
    path.write_text('{"cases": []}')
    assert run("check", path).returncode == 1


def test_wrong_usage_exits_2():
    assert run("chekc").returncode == 2


def test_every_input_has_a_negative_test():
    given = {name for inputs in all_inputs() for name in inputs}
    assert given == set(FIRST_FAILURE) | set(FLIPPED_FIELD) | {"name"}
