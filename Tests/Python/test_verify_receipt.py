"""Tests of docs/verify_receipt.py with a receipt that real processes made (Tests/Vectors/receipt).

Tests/ProgramTests/ReceiptProgramTests.swift runs the same program on a receipt that is made anew each time.
"""

import pathlib
import signal
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import verify_receipt  # noqa: E402
from verify_receipt import Refused, standing, verify  # noqa: E402

VECTORS = ROOT / "Tests" / "Vectors" / "receipt"
RECEIPT = (VECTORS / "refunded.receipt").read_bytes()
KEY = (VECTORS / "audit.pem").read_bytes()


def test_the_receipt_tells_payment_outcome_and_refund():
    records, until = verify(RECEIPT, KEY)
    payment, outcome, refund = records
    assert payment["amount"] == 700 and payment["currency"] == "KRW"
    assert payment["reference"] == "A-1" and (payment["first6"], payment["last4"]) == (411111, 1111)
    assert outcome["payment"] == payment["number"] and outcome["state"] == 2
    assert len(outcome["approval"]) == 6 and outcome["response"] == "00"
    assert refund["payment"] == payment["number"] and " DONE 500" in refund["text"]
    assert until >= refund["number"]
    assert standing(records) == "APPROVED, then refunded 500 of 700"


def test_a_receipt_without_its_last_record_is_refused():
    records, _ = verify(RECEIPT, KEY)
    place = len(verify_receipt.MAGIC) + 32
    reader = verify_receipt.Reader(RECEIPT[place + 1 :])
    for _ in records[:-1]:
        reader.sized(), verify_receipt.read_head(reader), reader.take(32 * reader.number(1))
    kept = reader.place
    reader.sized(), verify_receipt.read_head(reader), reader.take(32 * reader.number(1))
    shorter = RECEIPT[:place] + b"\2" + RECEIPT[place + 1 :][:kept] + RECEIPT[place + 1 :][reader.place :]
    with pytest.raises(Refused, match="the signature of the receipt is wrong"):
        verify(shorter, KEY)


def test_every_altered_byte_is_refused():
    for place in range(len(RECEIPT)):
        altered = bytearray(RECEIPT)
        altered[place] ^= 1
        with pytest.raises(Refused):
            verify(bytes(altered), KEY)


def test_every_shorter_or_longer_receipt_is_refused():
    for count in range(len(RECEIPT)):
        with pytest.raises(Refused):
            verify(RECEIPT[:count], KEY)
    with pytest.raises(Refused, match="behind its end"):
        verify(RECEIPT + b"\0", KEY)


def test_another_key_is_refused():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Refused, match="another key"):
        verify(RECEIPT, pem)


def test_the_key_in_the_receipt_is_the_digest_that_openssl_prints():
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", VECTORS / "audit.pem", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    assert RECEIPT[22:54] == verify_receipt.sha256(der)


def test_the_program_says_what_is_wrong_and_exits_with_one(tmp_path):
    def run(data):
        (tmp_path / "receipt").write_bytes(data)
        program = [sys.executable, ROOT / "docs" / "verify_receipt.py", tmp_path / "receipt", VECTORS / "audit.pem"]
        done = subprocess.run(program, capture_output=True, text=True)
        return done.returncode, done.stdout

    records, until = verify(RECEIPT, KEY)
    number = records[0]["number"]
    good = f"good: payment {number}, 700 KRW, order A-1\nstanding up to record {until}: "
    assert run(RECEIPT) == (0, good + "APPROVED, then refunded 500 of 700\n")
    altered = RECEIPT.replace(b"A-1", b"A-4")
    assert run(altered) == (1, f"refused: record {number} or its proof was altered\n")


def run_program(*arguments):
    program = [sys.executable, ROOT / "docs" / "verify_receipt.py", *arguments]
    return subprocess.run(program, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [[], ["one"], ["one", "two", "three"]])
def test_a_wrong_command_line_is_told_the_right_one(arguments):
    done = run_program(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "usage: python3 verify_receipt.py RECEIPT AUDIT_PUBLIC.pem\n"


@pytest.mark.parametrize(
    ("receipt", "key"), [("missing", VECTORS / "audit.pem"), (VECTORS / "refunded.receipt", "missing")]
)
def test_a_file_that_is_not_there_is_named(receipt, key):
    done = run_program(receipt, key)
    assert (done.returncode, done.stdout) == (74, "")
    assert done.stderr == "error: missing cannot be read: No such file or directory\n"


def test_a_key_that_is_none_is_named(tmp_path):
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "PEM"]
    other = subprocess.run(command, check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=other, check=True, capture_output=True).stdout
    for pem, words in [(b"no key", "is no PEM file with a public key"), (public, "signs no journal")]:
        (tmp_path / "key.pem").write_bytes(pem)
        done = run_program(VECTORS / "refunded.receipt", tmp_path / "key.pem")
        assert (done.returncode, done.stdout) == (77, "")
        assert done.stderr.startswith(f"error: {tmp_path}/key.pem ") and words in done.stderr


def test_an_output_that_cannot_be_written_is_no_refusal():
    program = [sys.executable, ROOT / "docs" / "verify_receipt.py", VECTORS / "refunded.receipt", VECTORS / "audit.pem"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: standard output cannot be written (No space left on device)")
    assert lines[1].startswith("good: payment ") and lines[2].startswith("standing up to record ")


def test_an_output_that_nobody_reads_ends_it_without_a_word():
    program = [sys.executable, ROOT / "docs" / "verify_receipt.py", VECTORS / "refunded.receipt", VECTORS / "audit.pem"]
    running = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    errors = running.stderr.read()
    assert (running.wait(), errors) == (-signal.SIGPIPE, b"")
