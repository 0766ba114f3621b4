"""HPKE vectors for the one suite in use: `hpke_vectors.py > Tests/Vectors/hpke/rfc9180.json`.

Keys, info and `enc` are those of the official vectors of RFC 9180 (base mode, kem 32, kdf 1, aead 2). The official file
is large; it is also published as two digests over a thousand seals and exports. The seals and exports written here come
from pyhpke, which must reproduce `enc` and both digests first.
"""

import hashlib
import json

from pyhpke import AEADId, CipherSuite, KDFId, KEMId

INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
SEED = bytes.fromhex("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9")
RECIPIENT = "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
RECIPIENT_PUBLIC = "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
ENC = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
SEALS_DIGEST, EXPORTS_DIGEST = "1702e73e1e71705faa8241022af1deea", "5cb678bf1c52afbd9afb58b8f7c1ced3"
PLAINTEXT = b"Beauty is truth, truth beauty"


def inputs():
    """Pieces of SHAKE128 of nothing, each behind its length."""
    stream, place = hashlib.shake_128(b"").digest(1 << 20), 0
    while True:
        end = place + 1 + stream[place]
        yield stream[place + 1:end]
        place = end


def sender():
    suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
    ephemeral = suite.kem.derive_key_pair(SEED)
    public = suite.kem.deserialize_public_key(bytes.fromhex(RECIPIENT_PUBLIC))
    enc, context = suite.create_sender_context(public, INFO, eks=ephemeral)
    assert enc.hex() == ENC
    return ephemeral.private_key.to_private_bytes(), context


def confirm():
    _, context = sender()
    draw, seals = inputs(), hashlib.shake_128()
    for _ in range(1000):
        aad, plaintext = next(draw), next(draw)
        seals.update(context.seal(plaintext, aad))
    draw, exports = inputs(), hashlib.shake_128()
    for count in range(1000):
        exports.update(context.export(next(draw), count))
    assert seals.digest(16).hex() == SEALS_DIGEST and exports.digest(16).hex() == EXPORTS_DIGEST


def main():
    confirm()
    ephemeral, context = sender()
    seals = []
    for sequence in range(258):
        aad = b"Count-%d" % sequence
        ciphertext = context.seal(PLAINTEXT, aad)
        if sequence in (0, 1, 2, 255, 256, 257):
            seals.append(dict(sequence=sequence, aad=aad.hex(), plaintext=PLAINTEXT.hex(), box=ciphertext.hex()))
    exports = [
        dict(context=text.hex(), count=count, value=context.export(text, count).hex())
        for text, count in ((b"", 32), (b"\x00", 32), (b"TestContext", 32), (b"TestContext", 100))
    ]
    print(json.dumps(dict(
        info=INFO.hex(), ephemeral_private_key=ephemeral.hex(), recipient_private_key=RECIPIENT,
        recipient_public_key=RECIPIENT_PUBLIC, enc=ENC, seals=seals, exports=exports), indent=1))


if __name__ == "__main__":
    main()
