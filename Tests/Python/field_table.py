"""Reads a field table (docs/iso8583.md, "Field tables") as a specification of pyiso8583. Shares no code with the product."""

import shlex

PREFIXES = {
    "-": (0, "ascii"), "ll": (2, "ascii"), "lll": (3, "ascii"), "ll-bcd": (1, "bcd"), "lll-bcd": (2, "bcd"),
    "ll-binary": (1, "b"), "lll-binary": (2, "b"),
}


def field(contents, length, encoding, prefix, name):
    """One field's entry in a pyiso8583 specification."""
    len_type, len_enc = PREFIXES[prefix]
    count = int(length.lstrip("."))
    entry = {"data_enc": "ascii", "len_enc": len_enc, "len_type": len_type, "max_len": count, "desc": name}
    if encoding in ("bcd", "bcd-right"):
        entry |= {"data_enc": "b", "len_count": "nibbles"}
        entry |= {"left_pad": "0"} if encoding == "bcd" else {"right_pad": "F"}
    elif encoding == "binary":
        entry["data_enc"] = "b"
    elif encoding == "hex":
        entry["max_len"] = count * 2
    elif contents == "ans":
        entry["data_enc"] = "latin-1"  # national letters travel as they are
    return entry


def read(path):
    """The specification, and (contents, length, encoding, is fixed) of each field by its number as text."""
    mti, bitmap = "ascii", "binary"
    spec, formats = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = shlex.split(line, comments=True, posix=False)
            if not words:
                continue
            if words[0] == "mti":
                mti = words[1]
            elif words[0] == "bitmap":
                bitmap = words[1]
            elif words[0].isdigit():
                number, contents, length, encoding, prefix, _ = words[:6]
                spec[number] = field(contents, length, encoding, prefix, " ".join(words[6:]))
                formats[number] = (contents, int(length.lstrip(".")), encoding, prefix == "-")
    spec["h"] = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0, "desc": "none"}
    spec["t"] = {
        "data_enc": "b" if mti == "bcd" else "ascii", "len_enc": "ascii", "len_type": 0,
        "max_len": 2 if mti == "bcd" else 4, "desc": "type",
    }
    for name in ("p", "1"):
        spec[name] = {
            "data_enc": "b" if bitmap == "binary" else "ascii", "len_enc": "ascii", "len_type": 0,
            "max_len": 8 if bitmap == "binary" else 16, "desc": "bitmap",
        }
    return spec, formats
