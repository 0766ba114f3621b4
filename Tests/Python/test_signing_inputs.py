"""The file of signing inputs, and that documents and protocol name every label in it."""

import json
import pathlib

import signing_inputs

ROOT = pathlib.Path(__file__).parents[2]


def test_the_file_is_what_the_documents_give():
    cases = json.loads((ROOT / "Tests/Vectors/seals/inputs.json").read_text())["cases"]
    assert cases == signing_inputs.cases()


def test_every_label_is_documented():
    text = (ROOT / "docs/security.md").read_text()
    assert [label for label, _ in signing_inputs.CASES if f'"{label}"' not in text] == []
