"""Certificates, keys and revocation lists whose DER is written in another way: OpenSSL takes most of
them, BoringSSL does not."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import certificate_forms as forms

OID, BITS, OCTETS, NULL, SEQUENCE, SET = 0x06, 0x03, 0x04, 0x05, 0x30, 0x31
UTF8, UTC, GENERALIZED = 0x0C, 0x17, 0x18
COMMON_NAME, USAGE = "550403", "551d0f"


def read(der):
    """[[tag, bytes or such a list]]"""
    out, at = [], 0
    while at < len(der):
        tag, size, at = der[at], der[at + 1], at + 2
        if size & 0x80:
            size, at = int.from_bytes(der[at:at + (size & 0x7F)]), at + (size & 0x7F)
        out.append([tag, read(der[at:at + size]) if tag & 0x20 else der[at:at + size]])
        at += size
    return out


def write(elements):
    out = b""
    for tag, value in elements:
        value = write(value) if isinstance(value, list) else value
        size = len(value).to_bytes((len(value).bit_length() + 7) // 8 or 1)
        out += bytes([tag]) + (size if len(value) < 0x80 else bytes([0x80 | len(size)]) + size) + value
    return out


def edited(der, change):
    tree = read(der)
    change(tree[0][1])
    return write(tree)


def put(*path, value):
    """A change of the element at the path: value may be a function of the former one."""
    def change(tree):
        for step in path[:-1]:
            tree = tree[step][1]
        tree[path[-1]] = value(tree[path[-1]]) if callable(value) else value
    return change


def name(tag, value):
    return [SEQUENCE, [[SET, [[SEQUENCE, [[OID, bytes.fromhex(COMMON_NAME)], [tag, value]]]]]]]


def extension(oid, value):
    return [SEQUENCE, [[OID, bytes.fromhex(oid)], [OCTETS, value]]]


def _bits(change):
    """A change of the bytes of a BIT STRING."""
    return lambda e: [e[0], b"\0" + change(e[1][1:])]


def _public(at, change):
    """A change of n or e in an RSA key."""
    return _bits(lambda b: edited(b, lambda k: k.__setitem__(at, [2, change(k[at][1])])))


def _add_extensions(*more):
    return lambda c: c[0][1][-1][1][0][1].extend(more)


def _first_version(c):
    c[0][1][0] = [0xA0, [[2, b"\0"]]]
    del c[0][1][-1]


# {form: (kind of key, change of the certificate)}; its fields are version, serial, algorithm, issuer,
# validity, subject, key and extensions.
CERTIFICATES = {
    "serial-empty": ("p256", put(0, 1, value=[2, b""])),
    "serial-of-25": ("p256", put(0, 1, value=[2, b"\1" * 25])),
    "first-version-given": ("p256", _first_version),
    "times-generalized": ("p256", put(0, 4, value=[SEQUENCE, [[GENERALIZED, b"20250101000000Z"], [GENERALIZED, b"20400101000000Z"]]])),
    "time-fraction": ("p256", put(0, 4, value=[SEQUENCE, [[UTC, b"250101000000Z"], [GENERALIZED, b"20400101000000.5Z"]]])),
    "cn-no-character": ("p256", put(0, 5, value=name(UTF8, b"\xef\xbf\xbf"))),
    "cn-bmp-no-character": ("p256", put(0, 5, value=name(0x1E, b"\xfd\xd0"))),
    "cn-universal": ("p256", put(0, 5, value=name(0x1C, b"\0\0\0a"))),
    "cn-universal-surrogate": ("p256", put(0, 5, value=name(0x1C, b"\0\0\xd8\0"))),
    "subject-empty-set": ("p256", put(0, 5, value=[SEQUENCE, [[SET, []]]])),
    "usage-dirty": ("p256", _add_extensions(extension(USAGE, write([[BITS, b"\5\xff"]])))),
    "usage-trailing": ("p256", _add_extensions(extension(USAGE, write([[BITS, b"\7\x80"]]) + b"\0"))),
    "usage-twice": ("p256", _add_extensions(*[extension(USAGE, write([[BITS, b"\7\x80"]]))] * 2)),
    "usage-of-rsa-dirty": ("rsa2048", _add_extensions(extension(USAGE, write([[BITS, b"\5\xff"]])))),
    "key-no-null": ("rsa2048", put(0, 6, 0, value=lambda e: [SEQUENCE, e[1][:1]])),
    "key-parameters": ("rsa2048", put(0, 6, 0, 1, value=[OCTETS, b"x"])),
    "key-x500": ("rsa2048", put(0, 6, 0, 0, value=[OID, bytes.fromhex("55080101")])),
    "key-trailing": ("rsa2048", put(0, 6, 1, value=_bits(lambda b: b + b"\0"))),
    "key-negative": ("rsa2048", put(0, 6, 1, value=_public(0, lambda n: n[1:]))),
    "key-padded": ("rsa2048", put(0, 6, 1, value=_public(0, lambda n: b"\0" + n))),
    "point-compressed": ("p256", put(0, 6, 1, value=_bits(lambda b: bytes([2 + (b[-1] & 1)]) + b[1:33]))),
    "point-hybrid": ("p256", put(0, 6, 1, value=_bits(lambda b: bytes([6 + (b[-1] & 1)]) + b[1:]))),
    "signature-dirty": ("p256", put(2, value=[BITS, b"\3xyz"])),
    "signature-unused": ("p256", put(2, value=[BITS, b"\3xyx"])),
    "signature-empty": ("p256", put(2, value=[BITS, b"\0"])),
    "outer-field": ("p256", lambda c: c.append([NULL, b""])),
}


def _inside(change):
    """A change of the key inside of PKCS #8."""
    return put(2, value=lambda e: [e[0], edited(e[1], change)])


def _flip(at):
    return put(at, value=lambda e: [2, e[1][:-1] + bytes([e[1][-1] ^ 2])])


# {form: (kind of key, format, label, change of the private key)}
KEYS = {
    "version-1": ("p256", "PKCS8", "", put(0, value=[2, b"\1"])),
    "version-1-ed25519": ("ed25519", "PKCS8", "", put(0, value=[2, b"\1"])),
    "attributes": ("p256", "PKCS8", "", lambda s: s.append([0xA0, []])),
    "ec-version-2": ("p256", "PKCS8", "", _inside(put(0, value=[2, b"\2"]))),
    "ec-no-public": ("p256", "PKCS8", "", _inside(lambda e: e.pop())),
    "sec1-version-2": ("p256", "TraditionalOpenSSL", "EC ", put(0, value=[2, b"\2"])),
    "sec1-no-parameters": ("p256", "TraditionalOpenSSL", "EC ", lambda e: e.pop(2)),
    "rsa-no-null": ("rsa2048", "PKCS8", "", put(1, value=lambda e: [SEQUENCE, e[1][:1]])),
    "rsa-trailing": ("rsa2048", "PKCS8", "", put(2, value=lambda e: [e[0], e[1] + b"\0"])),
    "rsa-wrong-remainder": ("rsa2048", "PKCS8", "", _inside(_flip(6))),
    "rsa-wrong-inverse": ("rsa2048", "PKCS8", "", _inside(_flip(8))),
    "rsa-swapped-primes": ("rsa2048", "PKCS8", "", _inside(lambda e: e.insert(4, e.pop(5)))),
    "rsa1-extra": ("rsa2048", "TraditionalOpenSSL", "RSA ", lambda e: e.append([NULL, b""])),
}


def _exponent(host, bits):
    """RSA with a public exponent of so many bits."""
    p, q = 2**1279 - 1, 2**2203 - 1
    e = 2**(bits - 1) + 1
    while True:
        try:
            d = pow(e, -1, (p - 1) * (q - 1))
            break
        except ValueError:
            e += 2
    private = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q)).private_key(
        unsafe_skip_rsa_key_validation=True)
    public = [SEQUENCE, [[2, b"\0" + (p * q).to_bytes((p * q).bit_length() // 8 + 1).lstrip(b"\0")], [2, e.to_bytes(e.bit_length() // 8 + 1)]]]
    der = edited(forms.certificate(host, "rsa2048").public_bytes(forms.DER), put(0, 6, 1, value=_bits(lambda _: write([public]))))
    return forms.Form(forms.wrap(der), forms.key_text(private))


def pairs(found):
    for form, (kind, change) in CERTIFICATES.items():
        found(f"der-{form}", lambda h, kind=kind, change=change: forms.Form(
            forms.wrap(edited(forms.certificate(h, kind).public_bytes(forms.DER), change)), forms.key_text(forms.key(kind))))
    for form, (kind, written, label, change) in KEYS.items():
        def private(kind=kind, written=written, label=label, change=change):
            der = forms.key(kind).private_bytes(forms.DER, getattr(serialization.PrivateFormat, written), serialization.NoEncryption())
            return forms.wrap(edited(der, change), f"{label}PRIVATE KEY")
        found(f"der-key-{form}", lambda h, kind=kind, private=private: forms.Form(forms.text(forms.certificate(h, kind)), private()))
    for bits in (33, 34):
        found(f"exponent-of-{bits}", lambda h, bits=bits: _exponent(h, bits))
    good = lambda h: forms.text(forms.certificate(h))  # noqa: E731
    found("key-any-bad-before", lambda h: forms.Form(good(h), forms.wrap(b"x", "ANY PRIVATE KEY") + forms.key_text(forms.key())))
    found("file-bom-between", lambda h: forms.Form(good(h) + b"\xef\xbb\xbf" + forms.text(*forms.authorities(1)), forms.key_text(forms.key())))


def _list_extension(oid, value):
    return lambda t: t[0][1].append([0xA0, [[SEQUENCE, [extension(oid, value)]]]])


# {form: change of a revocation list}; its fields are version, algorithm, issuer, this and next update
# and entries.
LISTS = {
    "version-3": put(0, 0, value=[2, b"\2"]),
    "version-1-given": put(0, 0, value=[2, b"\0"]),
    "version-1": lambda t: t[0][1].pop(0),
    "version-1-extensions": lambda t: (t[0][1].pop(0), _list_extension("551d14", b"\2\1\1")(t)),
    "no-next": lambda t: t[0][1].pop(4),
    "bad-time": put(0, 3, value=[UTC, b"250230000000Z"]),
    "bad-next": put(0, 4, value=[UTC, b"x"]),
    "bad-entry-time": put(0, 5, 0, 1, value=[UTC, b"x"]),
    "number": _list_extension("551d14", b"\2\1\1"),
    "bad-number": _list_extension("551d14", b"\4\1x"),
    "no-extensions": lambda t: t[0][1].append([0xA0, [[SEQUENCE, []]]]),
    "bad-point": _list_extension("551d1c", b"\4\1x"),
    "bad-authority": _list_extension("551d23", b"\4\1x"),
    "signature-dirty": put(2, value=[BITS, b"\3xyz"]),
}


def lists():
    der = x509.load_pem_x509_crl(forms.revocations(n=1)).public_bytes(forms.DER)
    found = {f"der-{form}": forms.wrap(edited(der, change), "X509 CRL") for form, change in LISTS.items()}
    found["der-trailing"] = forms.wrap(der + b"\0", "X509 CRL")
    found["bom-between"] = forms.revocations() + b"\xef\xbb\xbf" + forms.revocations("p384")
    return found


def bundles():
    first, second = (forms.text(c) for c in forms.authorities(2))
    return {"bom-between": first + b"\xef\xbb\xbf" + second}
