"""Certificate paths, each good or breaking one rule: `certificate_cases.py > Tests/Vectors/certificates/paths.json`.

Keys come from fixed numbers and signatures are deterministic, so that the file is the same each time, except for the
fresh RSA keys of three certificates under "unreadable".
"""

import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certificates_der import (
    bits, boolean, certificate, extension, generalized, integer, key_id, name, octets, oid, sequence, spki, tlv, utc,
)

NOW = 1_782_907_200  # 2026-07-01T12:00:00Z
NOT_BEFORE, NOT_AFTER = 1_767_225_600, 1_798_761_600  # 2026-01-01, 2027-01-01


def ec_key(text, curve=ec.SECP256R1):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") >> 2, curve())


KEYS = {text: ec_key(text) for text in ("root", "issuing", "leaf", "second", "stranger")}
ROOT, ISSUING, LEAF = name("Root"), name("Issuing"), name("Kim", "Example")


def basic(authority, path_length=None):
    parts = ([boolean(True)] if authority else []) + ([integer(path_length)] if path_length is not None else [])
    return extension("basicConstraints", sequence(*parts), critical=True)


def usage(first, unused):
    return extension("keyUsage", bits(bytes([first]), unused), critical=True)


SIGNS = usage(0x80, 7)
AUTHORITY = usage(0x06, 1)


def ski(key):
    return extension("ski", octets(key_id(KEYS[key])))


def aki(key):
    return extension("aki", sequence(tlv(0x80, key_id(KEYS[key]))))


def aki_by_serial(issuer, serial, key=None):
    number = integer(serial)[2:]
    return extension("aki", sequence(
        *([tlv(0x80, key_id(KEYS[key]))] if key else []), tlv(0xA1, tlv(0xA4, issuer)), tlv(0x82, number)))


def eku(*usages, critical=False):
    return extension("eku", sequence(*[oid(usage) for usage in usages]), critical)


def san(*names, critical=False):
    return extension("san", sequence(*names), critical)


def dns(text):
    return tlv(0x82, text.encode())


def mail(text):
    return tlv(0x81, text.encode())


def constraints(permitted=None, excluded=None, critical=True):
    def subtrees(tag, names):
        return [] if names is None else [tlv(tag, *[sequence(dns(text)) for text in names])]

    return extension("nameConstraints", sequence(*subtrees(0xA0, permitted), *subtrees(0xA1, excluded)), critical)


def root(key="root", extensions=None, without_extensions=False, **changes):
    extensions = [] if without_extensions else extensions or [basic(True), AUTHORITY, ski(key)]
    return certificate(**dict(
        subject=ROOT, issuer=ROOT, key=KEYS[key], signer=KEYS[key], extensions=extensions,
        not_after=utc("360101000000Z")) | changes)


def issuing(*more, key="issuing", signer="root", drop=(), **changes):
    parts = {"basic": basic(True), "usage": AUTHORITY, "ski": ski(key), "aki": aki(signer)}
    extensions = [part for kind, part in parts.items() if kind not in drop] + list(more)
    return certificate(**dict(
        subject=ISSUING, issuer=ROOT, key=KEYS[key], signer=KEYS[signer], extensions=extensions,
        not_after=utc("310101000000Z")) | changes)


def leaf(*more, role="consultant", signer="issuing", drop=(), **changes):
    parts = {
        "basic": basic(False), "usage": SIGNS, "eku": eku(role, *(["serverAuth"] if role == "server" else [])),
        "ski": ski("leaf"), "aki": aki(signer),
    }
    extensions = [part for kind, part in parts.items() if kind not in drop] + list(more)
    return certificate(**dict(
        subject=LEAF, issuer=ISSUING, key=KEYS["leaf"], signer=KEYS[signer], extensions=extensions) | changes)


def server(*names):
    return leaf(san(*names), role="server")


PATHS, UNREADABLE, CERTIFICATES = [], [], []


def path(text, rule=None, index=0, *, of=None, chain=None, anchors=None, role="consultant", at=NOW, dns_name=None):
    chain = chain or [of or leaf(), issuing()]
    PATHS.append(dict(
        name=text, rule=rule or "", index=index, chain=[place(der) for der in chain],
        anchors=[place(der) for der in anchors or [root()]], role=role, time=at, dns_name=dns_name or ""))


def place(der):
    """Index of a certificate in the file's list."""
    if der.hex() not in CERTIFICATES:
        CERTIFICATES.append(der.hex())
    return CERTIFICATES.index(der.hex())


def unreadable(text, der):
    UNREADABLE.append(dict(name=text, der=der.hex()))


def good():
    path("plain")
    path("at the first second", at=NOT_BEFORE)
    path("at the last second", at=NOT_AFTER)
    path("root sent along", chain=[leaf(), issuing(), root()])
    path("in another order", chain=[leaf(), root(), issuing()])
    expired = issuing(not_after=utc("260201000000Z"), serial=7)
    path("second issuer after an expired one", chain=[leaf(), expired, issuing()])
    path("second root with the same name", anchors=[root("stranger"), root()])
    path("serial number of 20 octets", of=leaf(serial=(1 << 158) + 1))
    path("root with serial number 0", anchors=[root(serial=0)])
    path("root with an authority key identifier", anchors=[
        root(extensions=[basic(True), AUTHORITY, ski("root"), aki("root")])])
    path("leaf without key usage", of=leaf(drop=["usage"]))
    path("host name", of=server(dns("pay.example")), role="server", dns_name="pay.example")
    path("host name under a wildcard", of=server(dns("*.a.example")), role="server", dns_name="pay.a.example")
    path("mail name", of=leaf(san(mail("kim@example"))))
    path("names within constraints", role="server", chain=[
        server(dns("pay.example")), issuing(constraints(["example"]))])
    path("critical policy constraints", chain=[leaf(), issuing(
        extension("policyConstraints", sequence(tlv(0x81, b"\x00")), critical=True))])


def bad_fields():
    path("version 2", "version", of=leaf(version=2))
    path("root of version 1", "version", 2, anchors=[root(version=1, without_extensions=True)])
    path("serial number 0", "serial", of=leaf(serial=0))
    path("negative serial number", "serial", of=leaf(serial=-5))
    path("serial number of 21 octets", "serial", of=leaf(serial=1 << 160))
    path("serial number of 20 octets and a sign octet", "serial", of=leaf(serial=(1 << 160) - 1))
    path("issuing serial number 0", "serial", 1, chain=[leaf(), issuing(serial=0)])
    path("SHA-1", "signature algorithm", of=leaf(algorithm="ecdsa-sha1"))
    path("SHA-224", "signature algorithm", of=leaf(algorithm="ecdsa-sha224"))
    path("SHA-1 above", "signature algorithm", 1, chain=[leaf(), issuing(algorithm="ecdsa-sha1")])
    path("SHA-1 in the root", "signature algorithm", 2, anchors=[root(algorithm="ecdsa-sha1")])
    path("one second early", "validity", at=NOT_BEFORE - 1)
    path("one second late", "validity", at=NOT_AFTER + 1)
    path("issuing authority over", "validity", 1, chain=[leaf(), issuing(not_after=utc("260201000000Z"))])
    path("root over", "validity", 2, anchors=[root(not_after=utc("260201000000Z"))])


def bad_extensions():
    path("extension twice", "extensions", of=leaf(ski("leaf")))
    path("unknown extension twice", "extensions", of=leaf(*[extension("1.2.3.4", b"\x05\x00")] * 2))
    path("key usage that is no bit string", "extensions", of=leaf(extension("keyUsage", b"\x05\x00"), drop=["usage"]))
    path("bytes behind a key identifier", "extensions", of=leaf(
        extension("ski", octets(key_id(KEYS["leaf"])) + b"\x00"), drop=["ski"]))
    path("empty alternative names", "path", of=leaf(san()))
    path("no authority key identifier", "authority key identifier", of=leaf(drop=["aki"]))
    path("no authority key identifier above", "authority key identifier", 1, chain=[leaf(), issuing(drop=["aki"])])
    path("authority by serial number only", "authority key identifier", of=leaf(
        aki_by_serial(ROOT, 0x4D2), drop=["aki"]))
    plain = [basic(True), AUTHORITY, ski("root")]
    path("root names another key", "authority key identifier", 2, anchors=[root(extensions=[*plain, aki("second")])])
    path("root names its serial number", "authority key identifier", 2, anchors=[
        root(extensions=[*plain, aki_by_serial(ROOT, 0x4D2, "root")])])
    path("policy constraints not critical", "policies", 1, chain=[leaf(), issuing(
        extension("policyConstraints", sequence(tlv(0x81, b"\x00"))))])
    path("inhibitAnyPolicy not critical", "policies", 1, chain=[leaf(), issuing(
        extension("inhibitAnyPolicy", integer(0)))])
    path("root with extended key usage", "anchor usage", 2, anchors=[root(extensions=[*plain, eku("consultant")])])


def bad_names():
    def constrained(*arguments, **more):
        return [server(dns("pay.example")), issuing(constraints(*arguments, **more))]

    path("constraints not critical", "name constraints", 1, role="server", chain=constrained(
        ["example"], critical=False))
    path("constraints empty", "name constraints", 1, chain=constrained(), role="server")
    path("constraints with an empty list", "name constraints", 1, chain=constrained([], ["other"]), role="server")
    path("constraint with a leading dot", "name constraints", 1, chain=constrained([".example"]), role="server")
    path("constraints in a leaf", "name constraints", of=leaf(constraints(["example"])))
    path("wildcard over an excluded name", "name constraints", role="server", chain=[
        server(dns("*.example")), issuing(constraints(excluded=["secret.EXAMPLE"]))])
    path("name that is excluded", "path", chain=constrained(excluded=["example"]), role="server")
    path("name that is not permitted", "path", chain=constrained(["elsewhere"]), role="server")
    for text in (
        "pay_1.example", "f*.example", "pay.*.example", "*", "pay..example", "pay.example.", "-a.example", "", "a b",
    ):
        path(f"host name '{text}'", "alternative names", of=server(dns(text)), role="server")
    for text in ("kim", "kim@example@example", "@example", "kim@"):
        path(f"mail name '{text}'", "alternative names", of=leaf(san(mail(text))))
    path("address of 5 bytes", "alternative names", of=leaf(san(tlv(0x87, b"\x7f\x00\x00\x01\x00"))))
    path("critical beside a subject", "alternative names", of=leaf(san(dns("pay.example"), critical=True)))
    path("another host name", "path", of=server(dns("pay.example")), role="server", dns_name="other.example")
    path("wildcard over two labels", "path", of=server(dns("*.a.example")), role="server", dns_name="b.c.a.example")
    path("host name only in the common name", "path", role="server", dns_name="pay.example", of=leaf(
        role="server", subject=name("pay.example")))
    path("no host name asked for", "name", of=server(dns("pay.example")), role="server", dns_name=".example")


def bad_use():
    path("leaf is an authority", "end entity", of=leaf(basic(True), drop=["basic"]))
    path("leaf that only encrypts", "end entity", of=leaf(usage(0x20, 5), drop=["usage"]))
    path("no extended key usage", "role", of=leaf(drop=["eku"]))
    path("critical extended key usage", "role", of=leaf(eku("consultant", critical=True), drop=["eku"]))
    path("any extended key usage", "role", of=leaf(eku("consultant", "any"), drop=["eku"]))
    path("another role", "role", of=leaf(role="company"))
    path("two roles", "role", of=leaf(eku("consultant", "company"), drop=["eku"]))
    path("only a public usage", "role", of=leaf(eku("clientAuth"), drop=["eku"]))
    path("server without serverAuth", "path", role="server", of=leaf(
        eku("server"), san(dns("pay.example")), drop=["eku"]))


def bad_paths():
    damaged = bytearray(leaf())
    damaged[-1] ^= 1
    path("signature damaged", "path", of=bytes(damaged))
    path("signed by a stranger in the issuer's name", "path", of=leaf(signer="stranger", drop=["aki"], extensions=[
        basic(False), SIGNS, eku("consultant"), ski("leaf"), aki("issuing")]))
    path("another root", "anchor", anchors=[root("stranger")])
    path("issuer missing", "anchor", chain=[leaf()])
    path("issuer may not sign certificates", "anchor", chain=[leaf(), issuing(SIGNS, drop=["usage"])])
    path("issuer is no authority", "path", 1, chain=[leaf(), issuing(basic(False), drop=["basic"])])
    below = certificate(
        subject=name("Below"), issuer=ISSUING, key=KEYS["second"], signer=KEYS["issuing"],
        extensions=[basic(True), AUTHORITY, ski("second"), aki("issuing")])
    path("path too long for its issuer", "path", 2, chain=[
        leaf(signer="second", issuer=name("Below")), below, issuing(basic(True, 0), drop=["basic"])])
    path("unknown critical extension", "path", of=leaf(extension("1.2.3.4", b"\x05\x00", critical=True)))
    path("nine certificates", "chain", chain=[leaf()] + [issuing()] * 8)
    path("policy asked for and missing", "path", 0, chain=[leaf(), issuing(
        extension("policyConstraints", sequence(tlv(0x80, b"\x00")), critical=True))])


def bad_certificates():
    def keyed(key):
        return leaf(public_key=spki(key))

    unreadable("RSA with 1,024 bits", keyed(rsa.generate_private_key(65537, 1024)))
    unreadable("RSA with 2,052 bits", keyed(rsa.generate_private_key(65537, 2052)))
    unreadable("RSA with exponent 3", keyed(rsa.generate_private_key(3, 2048)))
    unreadable("P-521", keyed(ec_key("p521", ec.SECP521R1)))
    unreadable("P-224", keyed(ec.derive_private_key(0x4D2, ec.SECP224R1())))
    unreadable("secp256k1", keyed(ec_key("k1", ec.SECP256K1)))
    unreadable("P-256 spelt out in parameters", leaf(public_key=explicit_p256(KEYS["leaf"])))
    unreadable("one byte behind", leaf() + b"\x00")
    whole = leaf()
    unreadable("length in more octets than needed", b"\x30\x83\x00" + whole[2:4] + whole[4:])
    unreadable("GeneralizedTime before 2050", leaf(not_after=generalized("20270101000000Z")))
    unreadable("time with an offset", leaf(not_after=utc("270101000000+0900")))
    unreadable("time without seconds", leaf(not_after=utc("2701010000Z")))
    unreadable("time that does not exist", leaf(not_after=utc("270230000000Z")))
    unreadable("empty", b"")


def explicit_p256(key):
    """ECParameters with all numbers of the curve instead of its name (SEC 1 section C.2)."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    base = bytes.fromhex(
        "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
        "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    parameters = sequence(
        integer(1), sequence(oid("1.2.840.10045.1.1"), integer(prime)),
        sequence(octets((prime - 3).to_bytes(32, "big")), octets(b.to_bytes(32, "big"))),
        octets(base), integer(order), integer(1))
    point = spki(key)[-65:]
    return sequence(sequence(oid("1.2.840.10045.2.1"), parameters), bits(point))


def main():
    for part in (good, bad_fields, bad_extensions, bad_names, bad_use, bad_paths, bad_certificates):
        part()
    print('{"certificates": [')
    print(",\n".join(json.dumps(der) for der in CERTIFICATES))
    print('], "paths": [')
    print(",\n".join(json.dumps(case) for case in PATHS))
    print('], "unreadable": [')
    print(",\n".join(json.dumps(case) for case in UNREADABLE))
    print("]}")


if __name__ == "__main__":
    main()
