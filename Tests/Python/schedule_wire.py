"""Just enough proto3 to write the messages of the vectors and to read them strictly.

A message is a dict from field name to a value; its layout is a dict from field name to (field number, kind). Kinds are
"bytes", "text" (UTF-8), "number" (varint, unsigned) or the layout of a message inside.
"""

SEALING_KEY = {
    "id": (1, "bytes"),
    "public_key": (2, "bytes"),
    "service_name": (3, "text"),
    "not_before_ms": (4, "number"),
    "not_after_ms": (5, "number"),
}
PROFILE = {
    "service_name": (1, "text"),
    "root_fingerprint": (2, "bytes"),
    "hop_host": (3, "text"),
    "hop_port": (4, "number"),
    "hop_dns_name": (5, "text"),
    "hop_role": (6, "number"),
    "number": (7, "number"),
    "not_after_ms": (8, "number"),
}
ENROL_SECRET = {
    "token": (1, "bytes"),
    "certificate_request": (2, "bytes"),
    "mac_address": (3, "bytes"),
    "program_version": (4, "text"),
}
LOGIN_STATEMENT = {
    "challenge": (1, "bytes"),
    "service_name": (2, "text"),
    "root_fingerprint": (3, "bytes"),
    "sealing_key_id": (4, "bytes"),
    "enc": (5, "bytes"),
    "mac_address": (6, "bytes"),
    "certificate_digest": (7, "bytes"),
    "program_version": (8, "text"),
}
LOGIN_RESULT = {
    "session": (1, "bytes"),
    "login_time_ms": (2, "number"),
    "idle_ms": (3, "number"),
    "lifetime_ms": (4, "number"),
    "consultant": (5, "text"),
    "company": (6, "text"),
}
PAYMENT_ORDER = {
    "session": (1, "bytes"),
    "sequence": (2, "number"),
    "idempotency_key": (3, "bytes"),
    "order_reference": (4, "text"),
    "amount": (5, "number"),
    "currency": (6, "text"),
    "instalment_months": (7, "number"),
    "not_after_ms": (8, "number"),
}
CARD_DATA = {
    "card_number": (1, "text"),
    "expiry_year": (2, "number"),
    "expiry_month": (3, "number"),
    "password_digits": (4, "text"),
    "security_code": (5, "text"),
    "payer_identification": (6, "text"),
}
PAYMENT_RESULT = {
    "payment": (1, "number"),
    "outcome": (2, "number"),
    "state": (3, "number"),
    "approval_code": (4, "text"),
    "response_code": (5, "text"),
    "amount": (6, "number"),
    "currency": (7, "text"),
    "order_reference": (8, "text"),
    "masked_card": (9, "text"),
    "time_ms": (10, "number"),
}
REFUSAL = {
    "code": (1, "number"),
    "reason": (2, "text"),
    "text": (3, "text"),
    "field": (4, "text"),
    "retry_after_ms": (5, "number"),
}
PAYMENT_ANSWER = {
    "idempotency_key": (1, "bytes"),
    "result": (2, PAYMENT_RESULT),
    "refusal": (3, REFUSAL),
}

EMPTY = {"bytes": b"", "text": "", "number": 0}


def encode(layout, message):
    """Serializes in order of field numbers; fields with their default value are left out."""
    out = b""
    for name, (number, kind) in layout.items():
        value = message.get(name)
        if isinstance(kind, dict):
            if value is not None:
                out += _delimited(number, encode(kind, value))
        elif not value:
            continue
        elif kind == "number":
            out += _varint(number << 3) + _varint(value)
        else:
            out += _delimited(number, value.encode() if kind == "text" else value)
    return out


def decode(layout, data):
    """Reads a serialized message. ValueError for an unknown field, a repeated one, a wrong wire type or a cut end."""
    by_number = {number: (name, kind) for name, (number, kind) in layout.items()}
    message, offset = {}, 0
    while offset < len(data):
        tag, offset = _read_varint(data, offset)
        name, kind = by_number.get(tag >> 3, (None, None))
        if name is None or name in message:
            raise ValueError(f"field {tag >> 3} is unknown or stands twice")
        if tag & 7 != (0 if kind == "number" else 2):
            raise ValueError(f"field {name} has wire type {tag & 7}")
        value, offset = _read_varint(data, offset)
        if kind != "number":
            start, offset = offset, offset + value
            if offset > len(data):
                raise ValueError(f"field {name} is cut off")
            value = data[start:offset]
            if isinstance(kind, dict):
                value = decode(kind, value)
            elif kind == "text":
                value = value.decode()
        message[name] = value
    return {name: EMPTY[kind] for name, (_, kind) in layout.items() if not isinstance(kind, dict)} | message


def _delimited(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data, offset):
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            raise ValueError("a number is cut off")
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, offset
    raise ValueError("a number is over 64 bits")
