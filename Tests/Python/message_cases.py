"""Random messages of Tests/Proto, made and read with google.protobuf (Debian's python3-protobuf), as the other side of
MessageRuntimeTests.

    message_cases.py make SEED COUNT   prints lines of: kind, bytes in hex, what google.protobuf reads in them
    message_cases.py read FILE         reads lines of bytes in hex; prints what google.protobuf reads in each

What is read is told as text: a message is {name=value,...} by lower camel name, without absent messages; a choice is
name=.field(value); floating point is its bits in hex or nan; text is " and its UTF-8 in hex; bytes are x and hex; an
enum is its number; a map is {key:value,...} in the order of the text. "refused" stands where the bytes do not parse.
"""

import pathlib
import random
import struct
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

PROTO = pathlib.Path(__file__).parent.parent / "Proto"
ALPHABET = "aZ09 _~\u007f\u00e9\u00df\u20ac\u6f22\ud7ff\ue000\ufffe\U00010000\U0001f600\U0010ffff"
MAX_DEPTH = 8
MAX_BYTES = 24_000


def everything():
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(
            ["protoc", f"-I{PROTO}", "--include_imports", f"--descriptor_set_out={file.name}",
             "countersign/test/v1/everything.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(file.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for descriptor in files.file:
        pool.Add(descriptor)
    found = pool.FindMessageTypeByName("countersign.test.v1.Everything")
    return message_factory.MessageFactory(pool).GetPrototype(found)


# Reading


def tell(value):
    fields = {}
    for field in value.DESCRIPTOR.fields:
        if field.containing_oneof:
            if value.WhichOneof(field.containing_oneof.name) == field.name:
                inner = tell_value(field, getattr(value, field.name))
                fields[field.containing_oneof.name] = f".{field.camelcase_name}({inner})"
        elif is_map(field):
            key, item = field.message_type.fields
            content = getattr(value, field.name)
            entries = sorted(f"{tell_value(key, k)}:{tell_value(item, content[k])}" for k in content)
            fields[field.camelcase_name] = "{" + ",".join(entries) + "}"
        elif field.label == field.LABEL_REPEATED:
            items = (tell_value(field, item) for item in getattr(value, field.name))
            fields[field.camelcase_name] = "[" + ",".join(items) + "]"
        elif field.message_type is None or value.HasField(field.name):
            fields[field.camelcase_name] = tell_value(field, getattr(value, field.name))
    return "{" + ",".join(f"{name}={fields[name]}" for name in sorted(fields)) + "}"


def tell_value(field, value):
    if field.message_type is not None:
        return tell(value)
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        form = ">d" if field.type == field.TYPE_DOUBLE else ">f"
        return "nan" if value != value else struct.pack(form, value).hex()
    if field.type == field.TYPE_STRING:
        return '"' + value.encode().hex()
    if field.type == field.TYPE_BYTES:
        return "x" + value.hex()
    if field.type == field.TYPE_BOOL:
        return "true" if value else "false"
    return str(value)


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


# Making


def fill(value, depth, rng):
    for field in value.DESCRIPTOR.fields:
        if rng.random() < 0.35 + 0.05 * depth:
            continue
        step = 2 if is_map(field) else 1
        if holds_message(field) and depth + step > MAX_DEPTH or is_map(field) and depth + 1 > MAX_DEPTH:
            continue
        if is_map(field):
            fill_map(getattr(value, field.name), field, depth, rng)
        elif field.label == field.LABEL_REPEATED:
            fill_list(getattr(value, field.name), field, depth, rng)
        elif field.message_type is not None:
            inner = getattr(value, field.name)
            inner.SetInParent()
            fill(inner, depth + 1, rng)
        else:
            setattr(value, field.name, scalar(field, rng, field.containing_oneof is not None))


def holds_message(field):
    if is_map(field):
        return field.message_type.fields_by_name["value"].message_type is not None
    return field.message_type is not None


def fill_list(items, field, depth, rng):
    count = rng.choice([0, 1, 2, 3, 30]) if field.message_type is None else rng.choice([0, 1, 2])
    for _ in range(count):
        if field.message_type is None:
            items.append(scalar(field, rng, True))
        else:
            fill(items.add(), depth + 1, rng)


def fill_map(items, field, depth, rng):
    key, value = field.message_type.fields
    for _ in range(rng.choice([0, 1, 2, 5])):
        name = scalar(key, rng, True)
        if value.message_type is None:
            items[name] = scalar(value, rng, False)
        else:
            fill(items[name], depth + 2, rng)


def scalar(field, rng, keeps_negative_zero):
    """A negative zero only where libprotobuf-c writes it: it takes one for an absent field."""
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        bits, form = (64, ">d") if field.type == field.TYPE_DOUBLE else (32, ">f")
        value = struct.unpack(form, rng.getrandbits(bits).to_bytes(bits // 8, "big"))[0]
        value = rng.choice([value, 0.0, -0.0, 1.0, -2.5, float("inf"), float("-inf"), float("nan")])
        return value if value != 0 or keeps_negative_zero else 0.0
    if field.type == field.TYPE_STRING:
        return "".join(rng.choices(ALPHABET, k=rng.choice([0, 1, 7, 20])))
    if field.type == field.TYPE_BYTES:
        return rng.randbytes(rng.choice([0, 1, 16, 200]))
    if field.type == field.TYPE_BOOL:
        return rng.random() < 0.5
    bits = 64 if "64" in field_type_name(field) else 32
    is_signed = field_type_name(field) not in ("UINT32", "UINT64", "FIXED32", "FIXED64")
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    if field.type == field.TYPE_ENUM:
        return rng.choice([0, 1, 2, -3, 70_000, 5, low, high])
    small = rng.getrandbits(rng.randrange(1, bits))
    return rng.choice([0, 1, 127, 128, low, high, small, -small if is_signed else small])


def field_type_name(field):
    return descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_")


# Bytes that no serializer writes


def records(data):
    """The top-level fields, each with its tag."""
    found, start = [], 0
    while start < len(data):
        tag, end = varint(data, start)
        if tag & 7 == 0:
            _, end = varint(data, end)
        elif tag & 7 == 2:
            count, end = varint(data, end)
            end += count
        else:
            end += 8 if tag & 7 == 1 else 4
        found.append(data[start:end])
        start = end
    return found


def merge(value, prototype, rng):
    """Fields that come twice, of which the last holds or which go on a list. A message that is not repeated does not
    come twice: we refuse that."""
    other = prototype()
    fill(other, 1, rng)
    joined = b""
    for name in ("scalars", "lists", "maps"):
        both = getattr(value, name).SerializeToString() + getattr(other, name).SerializeToString()
        number = value.DESCRIPTOR.fields_by_name[name].number
        joined += encode(number << 3 | 2) + encode(len(both)) + both
        value.ClearField(name)
    for name in ("choice", "tree", "imported", "scalars", "lists", "maps", "second_everything"):
        other.ClearField(name)
    return value.SerializeToString() + joined + other.SerializeToString()


def encode(value):
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def varint(data, start):
    value = shift = 0
    while True:
        byte = data[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value, start


def corrupt(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(data) + 1)
        change = rng.randrange(4)
        if change == 0:
            del data[place:]
        elif change == 1:
            data.insert(place, rng.randrange(256))
        elif place < len(data):
            data[place] = rng.choice([0, 0x7F, 0x80, 0xFF, data[place] ^ 1 << rng.randrange(8)])
    return bytes(data)


UNKNOWN = [bytes.fromhex(record) for record in ("5001", "59" + "11" * 8, "6203616263", "6d22222222", "80fa0101")]


def make(kind, prototype, rng):
    while True:
        value = prototype()
        fill(value, 1, rng)
        data = value.SerializeToString()
        if len(data) <= MAX_BYTES:
            break
    if kind == "merged":
        data = merge(value, prototype, rng)
    elif kind == "shuffled":
        parts = records(data)
        rng.shuffle(parts)
        data = b"".join(parts)
    elif kind == "unknown":
        parts = records(data) + rng.choices(UNKNOWN, k=8)
        rng.shuffle(parts)
        data = b"".join(parts)
    elif kind == "corrupt":
        data = corrupt(data, rng)
    return data


def read(prototype, data):
    try:
        return tell(prototype.FromString(data))
    except (message.DecodeError, UnicodeDecodeError):
        return "refused"


def main():
    prototype = everything()
    if sys.argv[1] == "make":
        rng = random.Random(int(sys.argv[2]))
        for index in range(int(sys.argv[3])):
            kind = ["plain", "merged", "shuffled", "unknown", "corrupt"][index % 5]
            data = make(kind, prototype, rng)
            print(kind, "-" + data.hex(), read(prototype, data))
    else:
        for line in pathlib.Path(sys.argv[2]).read_text().splitlines():
            print(read(prototype, bytes.fromhex(line.removeprefix("-"))))


if __name__ == "__main__":
    main()
