"""Random ISO 8583 messages by pyiso8583, for the Swift tests of the codec.

    iso8583_cases.py make TABLE SEED COUNT   prints COUNT lines "HEX JSON"
    iso8583_cases.py read TABLE FILE         reads lines of HEX and prints their JSON, or "refused"

JSON is {"t": type, field: value, …}; values are text, or hexadecimal digits where the field is binary.
"""

import json
import random
import string
import sys

import iso8583

import field_table

ALPHABETS = {
    "n": string.digits, "a": string.ascii_letters + " ", "an": string.ascii_letters + string.digits + " ",
    "ans": "".join(chr(c) for c in range(0x20, 0x7F)), "z": string.digits + "=",
}


def value(dice, contents, length, is_fixed):
    count = length if is_fixed else dice.choice([0, 1, 2, length, dice.randint(0, length)])
    if contents == "b":
        return dice.randbytes(count).hex().upper()
    if contents == "x+n":
        return dice.choice("CD") + "".join(dice.choices(string.digits, k=count - 1))
    return "".join(dice.choices(ALPHABETS[contents], k=count))


def make(formats, spec, dice):
    message = {"t": f"{dice.randint(0, 9999):04}"}
    low = [n for n in formats if int(n) <= 64]
    some = low if dice.random() < 0.3 else list(formats)
    numbers = dice.sample(some, dice.randint(1, min(24, len(some))))
    for number in sorted(numbers, key=int):
        contents, length, encoding, is_fixed = formats[number]
        message[number] = value(dice, contents, length, is_fixed)
    return bytes(iso8583.encode(to_pyiso(message, formats), spec)[0]), message


def to_pyiso(message, formats):
    """Track separators are "D" where two digits share a byte."""
    packed = lambda n: n in formats and formats[n][0] == "z" and formats[n][2].startswith("bcd")
    return {n: text.replace("=", "D") if packed(n) else text for n, text in message.items()}


def from_pyiso(decoded, formats):
    packed = lambda n: n in formats and formats[n][0] == "z" and formats[n][2].startswith("bcd")
    is_binary = lambda n: n in formats and formats[n][0] == "b"
    return {
        n: text.replace("D", "=") if packed(n) else text.upper() if is_binary(n) else text
        for n, text in decoded.items()
        if n == "t" or n.isdigit() and int(n) > 1
    }


def main():
    spec, formats = field_table.read(sys.argv[2])
    if sys.argv[1] == "make":
        dice = random.Random(int(sys.argv[3]))
        for _ in range(int(sys.argv[4])):
            raw, message = make(formats, spec, dice)
            print(raw.hex(), json.dumps(message, sort_keys=True))
    else:
        with open(sys.argv[3], encoding="ascii") as lines:
            for line in lines:
                try:
                    decoded, _ = iso8583.decode(bytes.fromhex(line.strip()), spec)
                    print(json.dumps(from_pyiso(decoded, formats), sort_keys=True))
                except iso8583.DecodeError:
                    print("refused")


if __name__ == "__main__":
    main()
