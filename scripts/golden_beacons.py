#!/usr/bin/env python3
"""Writes tests/vectors/beacons.json: what the drand beacons must accept and compute.

    scripts/golden_beacons.py             writes the file
    scripts/golden_beacons.py --check     fails if the committed file differs

Written from RFC 9380 (sections 5.2, 5.3.1, 6.6.1), EIP-197 and EIP-2537 alone, step by step as the standards have it,
so that it shares no shortcut with contracts/src/libraries/HashTo*.sol. Data of others are the public rounds, signed by
the League of Entropy, and the points of the RFC. Needs nothing but Python.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "beacons.json"

BN_P = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
BN_R = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
BN_DOMAIN = b"BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_"
#: Generator of G2 by EIP-197, each coordinate as (c0, c1).
BN_G2 = (
    (
        0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
        0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
    ),
    (
        0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
        0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
    ),
)
BLS_P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
BLS_R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
BLS_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

#: Public rounds: number, signature as published.
EVMNET_KEY = (
    "07e1d1d335df83fa98462005690372c643340060d205306a9aa8106b6bd0b3820557ec32c2ad488e4d4f6008f89a346f"
    "18492092ccc0d594610de2732c8b808f0095685ae3a85ba243747b1b2f426049010f6b73a0cf1d389351d5aaaa1047f6"
    "297d3a4f9749b33eb2d904c9d9ebf17224150ddd7abd7567a9bec6c74480ee0b"
)
EVMNET = [
    (
        6390578,
        "0d0d705983f50d6a2846e77d8d12a238f0be277a2307eb3e0d5206dc6765b0f91f04e596e3b28295086e8fda9047d40d"
        "37f7c2d8fb2f6686839101692e4f5f13",
    )
]
QUICKNET_KEY = (
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
QUICKNET = [
    (
        1000,
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    ),
    (
        657413,
        "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
    ),
]


#: RFC 9380, appendix J.9.1: message, point.
STANDARD_DOMAIN = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
STANDARD = [
    (
        b"",
        "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4e8cf62d9c09db0fac349612b759e79a1"
        "08ba738453bfed09cb546dbb0783dbb3a5f1f566ed67bb6be0e8c67e2e81a4cc68ee29813bb7994998f3eae0c9c6a265",
    ),
    (
        b"abc",
        "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903"
        "0b9c15f3fe6e5cf4211f346271d7b01c8f3b28be689c8429c85b67af215533311f0b8dfaaa154fa6b88176c229f2885d",
    ),
    (
        b"abcdef0123456789",
        "11e0b079dea29a68f0383ee94fed1b940995272407e3bb916bbf268c263ddd57a6a27200a784cbc248e84f357ce82d98"
        "03a87ae2caf14e8ee52e51fa2ed8eefe80f02457004ba4d486d6aa1f517c0889501dc7413753f9599b099ebcbbd2d709",
    ),
]


#: Header of a block that anvil 1.7.1 made, as `cast block 291 --raw` prints it.
HEADER_NUMBER = 291
HEADER = (
    "f9025da0848b50af5023bbe95dad03c5bc877365dc2f2949cc8f40fcb88e8ab78db638fda01dcc4de8dec75d7aab85b5"
    "67b6ccd41ad312451b948a7413f0a142fd40d49347940000000000000000000000000000000000000000a0274ee55eaf"
    "f4521573df8a37c55e4aad44e0bb08d526159081ebd8b611b6638ba056e81f171bcc55a6ff8345e692c0f86e5b48e01b"
    "996cadc001622fb5e363b421a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421b90100"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000808201238401c9c38080846b0d9bc380a0fccbe9db8d371e03560d519e38ebaf"
    "b74a613de5fcd4bb35c062c1c264b27cbb88000000000000000007a056e81f171bcc55a6ff8345e692c0f86e5b48e01b"
    "996cadc001622fb5e363b4218080a00000000000000000000000000000000000000000000000000000000000000000a0"
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)


# ---- Keccak-256 (FIPS 202's permutation with the padding from before it)


def keccak256(data):
    rate, state = 136, [[0] * 5 for _ in range(5)]
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % rate)
    padded[-1] |= 0x80
    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            word = int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
            state[i % 5][i // 5] ^= word
        permute(state)
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def rotate(word, by):
    by %= 64
    return (word << by | word >> (64 - by)) & (1 << 64) - 1


def round_constants():
    register = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << (1 << j) - 1
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        yield constant


def permute(a):
    for constant in round_constants():
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        for x in range(5):
            d = c[x - 1] ^ rotate(c[(x + 1) % 5], 1)
            for y in range(5):
                a[x][y] ^= d
        x, y, current = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x][y] = a[x][y], rotate(current, (t + 1) * (t + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        a[0][0] ^= constant


def sha256(data):
    return hashlib.sha256(data).digest()


# ---- RFC 9380


def expand_message_xmd(digest, block, message, domain, length):
    """Section 5.3.1 with a hash of 32 bytes that reads `block` bytes at a time."""
    ell = -(-length // 32)
    tail = domain + bytes([len(domain)])
    b0 = digest(bytes(block) + message + length.to_bytes(2, "big") + b"\0" + tail)
    blocks = [digest(b0 + b"\x01" + tail)]
    for i in range(2, ell + 1):
        mixed = bytes(x ^ y for x, y in zip(b0, blocks[-1]))
        blocks.append(digest(mixed + bytes([i]) + tail))
    return b"".join(blocks)[:length]


def hash_to_field(digest, block, message, domain, prime, size):
    """Section 5.2, two elements of a prime field."""
    uniform = expand_message_xmd(digest, block, message, domain, 2 * size)
    return [int.from_bytes(uniform[i * size : (i + 1) * size], "big") % prime for i in range(2)]


def is_square(value, prime):
    return pow(value, (prime - 1) // 2, prime) in (0, 1)


def map_svdw(u):
    """Section 6.6.1 as it is written, for y^2 = x^3 + 3 and Z = 1."""
    p, z = BN_P, 1
    g = lambda x: (x**3 + 3) % p
    inv0 = lambda x: pow(x, p - 2, p)
    tv1 = u * u * g(z) % p
    tv2 = (1 + tv1) % p
    tv1 = (1 - tv1) % p
    tv3 = inv0(tv1 * tv2 % p)
    tv4 = pow(-g(z) * 3 * z * z % p, (p + 1) // 4, p)
    if tv4 % 2 == 1:
        tv4 = -tv4 % p
    tv5 = u * tv1 * tv3 * tv4 % p
    tv6 = -4 * g(z) * inv0(3 * z * z) % p
    half = inv0(2)
    x1 = (-z * half - tv5) % p
    x2 = (-z * half + tv5) % p
    x3 = (z + tv6 * (tv2 * tv2 * tv3) ** 2) % p
    x = x1 if is_square(g(x1), p) else x2 if is_square(g(x2), p) else x3
    y = pow(g(x), (p + 1) // 4, p)
    assert y * y % p == g(x)
    return (x, -y % p) if u % 2 != y % 2 else (x, y)


# ---- Curves with a = 0, over a prime field or its square field


class Fp:
    """a + b·i with i^2 = -1; the prime field has b = 0."""

    def __init__(self, p, a, b=0):
        self.p, self.a, self.b = p, a % p, b % p

    def __add__(self, o):
        return Fp(self.p, self.a + o.a, self.b + o.b)

    def __sub__(self, o):
        return Fp(self.p, self.a - o.a, self.b - o.b)

    def __mul__(self, o):
        return Fp(self.p, self.a * o.a - self.b * o.b, self.a * o.b + self.b * o.a)

    def __eq__(self, o):
        return (self.a, self.b) == (o.a, o.b)

    def inverse(self):
        norm = pow(self.a * self.a + self.b * self.b, -1, self.p)
        return Fp(self.p, self.a * norm, -self.b * norm)

    def root(self):
        """A root, or None; p = 3 mod 4."""
        real = lambda v: next((r for r in [pow(v, (self.p + 1) // 4, self.p)] if (r * r - v) % self.p == 0), None)
        if self.b == 0:
            r = real(self.a)
            return Fp(self.p, r) if r is not None else Fp(self.p, 0, real(-self.a % self.p))
        norm = real((self.a * self.a + self.b * self.b) % self.p)
        if norm is None:
            return None
        for sign in (norm, -norm):
            r = real((self.a + sign) * pow(2, -1, self.p) % self.p)
            if r:
                return Fp(self.p, r, self.b * pow(2 * r, -1, self.p))
        return None


def add(s, t):
    if s is None or t is None:
        return t if s is None else s
    (x1, y1), (x2, y2) = s, t
    if x1 == x2:
        if not y1 == y2:
            return None
        three, two = Fp(x1.p, 3), Fp(x1.p, 2)
        slope = three * x1 * x1 * (two * y1).inverse()
    else:
        slope = (y2 - y1) * (x2 - x1).inverse()
    x = slope * slope - x1 - x2
    return x, slope * (x1 - x) - y1


def times(scalar, point):
    total = None
    for bit in bin(scalar)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def outside(p, b, order, square):
    """The point on y^2 = x^3 + b of the smallest x that the group of this order does not have."""
    for a in range(1, 1000):
        x = Fp(p, a, 1 if square else 0)
        y = (x * x * x + b).root()
        if y is not None and (square or y.b == 0) and times(order, (x, y)) is not None:
            return x, y
    raise AssertionError("no such point")


def bn_hash(message, domain):
    u, v = hash_to_field(keccak256, 136, message, domain, BN_P, 48)
    a, b = ((Fp(BN_P, x), Fp(BN_P, y)) for x, y in (map_svdw(u), map_svdw(v)))
    return u, v, add(a, b)


def coded(size, *values):
    return b"".join(value.to_bytes(size, "big") for value in values)


def g1(size, point):
    return coded(size, point[0].a, point[1].a)


def g2(size, point):
    """drand's order: x.c1, x.c0, y.c1, y.c0."""
    return coded(size, point[0].b, point[0].a, point[1].b, point[1].a)


def bls_decompress(text, square):
    data = bytes.fromhex(text)
    marks, first = data[0] >> 5, bytes([data[0] & 0x1F]) + data[1:]
    assert marks & 0b110 == 0b100
    if square:
        x, b = Fp(BLS_P, int.from_bytes(first[48:], "big"), int.from_bytes(first[:48], "big")), Fp(BLS_P, 4, 4)
    else:
        x, b = Fp(BLS_P, int.from_bytes(first, "big")), Fp(BLS_P, 4)
    y = (x * x * x + b).root()
    key = y.b if y.b else y.a
    if (key > (BLS_P - 1) // 2) != bool(marks & 1):
        y = Fp(BLS_P, 0) - y
    return x, y


def shown(data):
    return "0x" + data.hex()


def word(value):
    return shown(value.to_bytes(32, "big"))


# ---- The file


def bn254_maps():
    """Among them all that the map treats apart: zeros of its denominator, each of the three x, the smallest fields."""
    half = pow(2, -1, BN_P)
    special = [0, 1, 2, BN_P - 1, BN_P - 2, half, BN_P - half, (BN_P - 1) // 2]
    spread = [int.from_bytes(keccak256(b"u" + bytes([i])), "big") % BN_P for i in range(24)]
    points = [(u, *map_svdw(u)) for u in special + spread]
    return {"u": [word(u) for u, _, _ in points], "x": [word(x) for _, x, _ in points], "y": [word(y) for _, _, y in points]}


def bn254_hashes():
    messages = [b"", b"abc", b"abcdef0123456789", b"q128_" + b"q" * 128, b"a512_" + b"a" * 512]
    messages += [keccak256(n.to_bytes(8, "big")) for n in (1, 2, 6390578, 2**48 - 1)]
    rows = [(m, *bn_hash(m, BN_DOMAIN)) for m in messages]
    return {
        "messages": [shown(m) for m, _, _, _ in rows],
        "u": [word(u) for _, u, _, _ in rows],
        "v": [word(v) for _, _, v, _ in rows],
        "points": [shown(g1(32, point)) for _, _, _, point in rows],
    }


def bn254_keys():
    keys = [int.from_bytes(keccak256(b"key" + bytes([i])), "big") % BN_R for i in range(3)]
    point = tuple(Fp(BN_P, *c) for c in BN_G2)
    assert times(BN_R, point) is None
    rounds = [1, 2, 1_000, 2**48 - 1]
    sign = lambda k, n: g1(32, times(k, bn_hash(keccak256(n.to_bytes(8, "big")), BN_DOMAIN)[2]))
    return {
        "secrets": [word(k) for k in keys],
        "keys": [shown(g2(32, times(k, point))) for k in keys],
        "rounds": rounds,
        "signatures": [shown(sign(k, n)) for k in keys for n in rounds],
    }


def bls12_fields():
    messages = [b"", b"abc", b"abcdef0123456789", b"q128_" + b"q" * 128, b"a512_" + b"a" * 512]
    fields = [hash_to_field(sha256, 64, m, BLS_DOMAIN, BLS_P, 64) for m in messages]
    return {
        "messages": [shown(m) for m in messages],
        "u": [shown(coded(64, u)) for u, _ in fields],
        "v": [shown(coded(64, v)) for _, v in fields],
    }


def header():
    """A header of this number of a local chain, taken apart by the rules of RLP."""
    data = bytes.fromhex(HEADER)
    assert data[0] == 0xF9 and int.from_bytes(data[1:3], "big") == len(data) - 3
    fields, place = [], 3
    while place < len(data):
        first = data[place]
        assert first < 0xC0
        length_of_length = max(0, first - 0xB7)
        length = int.from_bytes(data[place + 1 : place + 1 + length_of_length], "big") if length_of_length else first - 0x80
        start = place + (first >= 0x80) + length_of_length
        end = start + (length if first >= 0x80 else 1)
        fields.append(data[start:end])
        place = end
    assert int.from_bytes(fields[8], "big") == HEADER_NUMBER
    return {"number": HEADER_NUMBER, "rlp": shown(data), "hash": shown(keccak256(data)), "mixHash": shown(fields[13])}


def made():
    twist = Fp(BN_P, 3) * Fp(BN_P, 9, 1).inverse()
    x, y = tuple(Fp(BN_P, *c) for c in BN_G2)
    assert y * y == x * x * x + twist
    quicknet = [(n, s, g1(48, bls_decompress(s, False))) for n, s in QUICKNET]
    return {
        "header": header(),
        "bn254": {
            "domain": BN_DOMAIN.decode(),
            "maps": bn254_maps(),
            "hashes": bn254_hashes(),
            "local": bn254_keys(),
            "keyOutsideOfTheGroup": shown(g2(32, outside(BN_P, twist, BN_R, True))),
        },
        "bls12": {
            "domain": BLS_DOMAIN.decode(),
            "fields": bls12_fields(),
            "standard": {
                "domain": STANDARD_DOMAIN.decode(),
                "messages": [shown(m) for m, _ in STANDARD],
                "points": ["0x" + point for _, point in STANDARD],
            },
            "signatureOutsideOfTheGroup": shown(g1(48, outside(BLS_P, Fp(BLS_P, 4), BLS_R, False))),
            "keyOutsideOfTheGroup": shown(g2(48, outside(BLS_P, Fp(BLS_P, 4, 4), BLS_R, True))),
        },
        "evmnet": {
            "genesis": 1727521075,
            "period": 3,
            "key": "0x" + EVMNET_KEY,
            "rounds": [n for n, _ in EVMNET],
            "signatures": ["0x" + s for _, s in EVMNET],
            "values": [shown(sha256(bytes.fromhex(s))) for _, s in EVMNET],
        },
        "quicknet": {
            "genesis": 1692803367,
            "period": 3,
            "compressedKey": "0x" + QUICKNET_KEY,
            "key": shown(g2(48, bls_decompress(QUICKNET_KEY, True))),
            "rounds": [n for n, _, _ in quicknet],
            "compressed": ["0x" + s for _, s, _ in quicknet],
            "signatures": [shown(point) for _, _, point in quicknet],
            "values": [shown(sha256(bytes.fromhex(s))) for _, s, _ in quicknet],
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the committed file differs")
    args = parser.parse_args()
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    text = json.dumps(made(), indent=2) + "\n"
    if not args.check:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() != text:
        print(f"{TARGET}: differs; run scripts/golden_beacons.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
