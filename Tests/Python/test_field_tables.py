"""Field tables of dialects/ against the specifications that come with pyiso8583."""

import os

import iso8583.specs
import pytest

import field_table

DIALECTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dialects")

# ISO 8583:1987 gives DE54 at most 120 characters; pyiso8583 takes 240. DE65 is a bitmap that nobody uses.
DIFFERENT = {"54", "65"}


def lengths(spec):
    return {
        number: (entry["len_type"], entry["max_len"])
        for number, entry in spec.items()
        if number.isdigit() and int(number) > 1 and number not in DIFFERENT
    }


def test_the_1987_table_has_the_fields_and_lengths_of_pyiso8583():
    ours, _ = field_table.read(os.path.join(DIALECTS, "iso8583-1987-ascii.fields"))
    assert lengths(ours) == lengths(iso8583.specs.default)
    assert {n: ours[n]["data_enc"] == "b" for n in lengths(ours)} == {
        n: iso8583.specs.default[n]["data_enc"] == "b" for n in lengths(ours)
    }


@pytest.mark.parametrize("year", ["1987", "1993"])
def test_the_tables_of_one_year_differ_in_encoding_only(year):
    _, text = field_table.read(os.path.join(DIALECTS, f"iso8583-{year}-ascii.fields"))
    _, packed = field_table.read(os.path.join(DIALECTS, f"iso8583-{year}-bcd.fields"))
    assert text.keys() == packed.keys()
    for number, (contents, length, _, is_fixed) in text.items():
        assert packed[number][:2] == (contents, length) and packed[number][3] == is_fixed
