"""Tests of the independent verifier of exports with one that real processes made (Tests/Vectors/export).

Tests/ProgramTests/ExportProgramTests.swift runs the same program on an export that is made anew each time.
"""

import json
import pathlib

import pytest

from export import Refused, verify

VECTORS = pathlib.Path(__file__).parent.parent / "Vectors" / "export"
LINES = (VECTORS / "all.jsonl").read_text().splitlines()
KEY = (VECTORS / "audit.pem").read_bytes()
PARSED = [json.loads(line) for line in LINES]


def refusal(lines):
    with pytest.raises(Refused) as problem:
        verify(lines, KEY)
    return str(problem.value)


def test_the_export_is_whole():
    export = verify(LINES, KEY)
    assert (export.records, export.heads) == (PARSED[-1]["records"], PARSED[-1]["heads"])
    assert {line["type"] for line in PARSED} >= {"payment", "outcome", "event", "head"}


def test_cards_stand_there_with_six_and_four_digits_alone():
    text = "\n".join(LINES)
    assert "4111111111111111" not in text and "2035" not in text and "fingerprint" not in text


# Fields for people, which no leaf is hashed over.
FOR_PEOPLE = {"type", "state_name"}


def changed(value):
    if isinstance(value, int):
        return value + 1
    try:
        return bytes(byte ^ 1 for byte in bytes.fromhex(value)).hex() if value else "41"
    except ValueError:
        return value[:-1] + ("A" if value[-1] != "A" else "B")


@pytest.mark.parametrize("place", [i for i, line in enumerate(PARSED) if line["type"] in ("payment", "outcome", "event")])
def test_every_altered_field_of_every_record_is_found(place):
    for name, value in PARSED[place].items():
        if name in FOR_PEOPLE:
            continue
        altered = dict(PARSED[place], **{name: changed(value)})
        assert refusal(LINES[:place] + [json.dumps(altered)] + LINES[place + 1 :])


@pytest.mark.parametrize("place", [i for i, line in enumerate(PARSED) if line["type"] == "head"])
def test_every_altered_field_of_every_head_is_found(place):
    for name in ("first", "last", "time_ms", "epoch", "epoch_id", "previous", "root", "signature"):
        altered = dict(PARSED[place], **{name: changed(PARSED[place][name])})
        assert "head" in refusal(LINES[:place] + [json.dumps(altered)] + LINES[place + 1 :]) or name == "root"


@pytest.mark.parametrize("place", range(1, len(LINES)))
def test_every_line_that_is_left_out_is_missed(place):
    assert refusal(LINES[:place] + LINES[place + 1 :])


def test_lines_behind_the_end_and_changed_places_are_found():
    assert refusal(LINES + LINES[-1:]) == "lines stand behind the end"
    places = [i for i in range(1, len(LINES) - 2) if PARSED[i]["type"] != "head" and PARSED[i + 1]["type"] != "head"]
    swapped = LINES[: places[0]] + [LINES[places[0] + 1], LINES[places[0]]] + LINES[places[0] + 2 :]
    assert "is missing" in refusal(swapped)
