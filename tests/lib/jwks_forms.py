"""Every form of JSON Web Key Set that people put into Secrets, and a real Envoy's verdict on them.
"""

import base64
import functools
import json

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import certificate_forms
import envoy_judge

FILTER = "type.googleapis.com/envoy.extensions.filters"
RAW = (Encoding.Raw, PublicFormat.Raw)


def text(data, strip=True, url=True):
    found = (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()
    return found.rstrip("=") if strip else found


def number(value, size=None, **how):
    return text(value.to_bytes(size or max(1, (value.bit_length() + 7) // 8), "big"), **how)


@functools.cache
def _rsa(bits):
    special = certificate_forms.key(f"rsa{bits}") if bits in (1886, 4484, 8676) else None
    return (special or rsa.generate_private_key(65537, bits)).public_key().public_numbers()


def rsa_key(bits=2048, e=None, **more):
    n = _rsa(bits)
    return {"kty": "RSA", "n": number(n.n), "e": number(e if e is not None else n.e), **more}


CURVES = {"P-256": (ec.SECP256R1, 32), "P-384": (ec.SECP384R1, 48), "P-521": (ec.SECP521R1, 66),
          "secp256k1": (ec.SECP256K1, 32), "P-224": (ec.SECP224R1, 28)}


def ec_key(curve="P-256", secret=0xC0FFEE << 128 | 1, **more):
    kind, size = CURVES[curve]
    n = ec.derive_private_key(secret, kind()).public_key().public_numbers()
    return {"kty": "EC", "crv": curve, "x": number(n.x, size), "y": number(n.y, size), **more}


def okp_key(kind="Ed25519", **more):
    key = {"Ed25519": lambda: ed25519.Ed25519PrivateKey.from_private_bytes(b"5" * 32),
           "Ed448": lambda: ed448.Ed448PrivateKey.from_private_bytes(b"4" * 57),
           "X25519": lambda: x25519.X25519PrivateKey.from_private_bytes(b"1" * 32)}[kind]()
    return {"kty": "OKP", "crv": kind, "x": text(key.public_key().public_bytes(*RAW)), **more}


def without(key, *names):
    return {k: v for k, v in key.items() if k not in names}


def _rsa_keys(found):
    for bits in (1024, 1886, 2048, 3072, 4484, 8676):
        found(f"rsa-{bits}", rsa_key(bits))
    for name, e in (("1", 1), ("3", 3), ("2", 2), ("0", 0), ("33-bits", 2**32 + 1), ("34-bits", 2**33 + 1)):
        found(f"rsa-e-{name}", rsa_key(e=e))
    n = _rsa(2048).n
    good = rsa_key()
    numbers = {
        "n-even": number(n - 1), "n-leading-zero": text(b"\0" + n.to_bytes(256, "big")), "n-padded": number(n, strip=False),
        "n-standard-base64": number(n, url=False), "n-empty": "", "n-spaces": number(n)[:9] + " " + number(n)[9:],
        "n-not-base64": "!" * 342, "n-number": 5, "n-null": None, "n-one-letter-more": number(n) + "A",
    }
    for name, value in numbers.items():
        found(f"rsa-{name}", {**good, "n": value})
    found("rsa-no-n", without(good, "n"))
    found("rsa-no-e", without(good, "e"))
    for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "HS256", "EdDSA", "RSA-OAEP", "rs256", "RS", "none", ""):
        found(f"rsa-alg-{alg or 'empty'}", {**good, "alg": alg})
    private = certificate_forms.key("rsa1886").private_numbers()
    found("rsa-private", {**good, "d": number(private.d), "p": number(private.p), "q": number(private.q)})


def _ec_keys(found):
    for curve in CURVES:
        found(f"ec-{curve}", ec_key(curve))
        for alg in ("ES256", "ES384", "ES512", "ES256K", "RS256"):
            found(f"ec-{curve}-{alg}", ec_key(curve, alg=alg))
    good = ec_key()
    found("ec-off-curve", {**good, "y": good["x"]})
    found("ec-no-x", without(good, "x"))
    found("ec-no-y", without(good, "y"))
    for curve, alg in (("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")):
        found(f"ec-no-crv-{curve}", without(ec_key(curve), "crv"))
        found(f"ec-no-crv-{curve}-{alg}", {**without(ec_key(curve), "crv"), "alg": alg})
    found("ec-crv-lower", {**good, "crv": "p-256"})
    found("ec-crv-number", {**good, "crv": 256})
    small = next(s for s in range(1, 5000) if ec.derive_private_key(s, ec.SECP256R1()).public_key().public_numbers().x < 2**248)
    n = ec.derive_private_key(small, ec.SECP256R1()).public_key().public_numbers()
    found("ec-short-x", {**good, "x": number(n.x), "y": number(n.y)})
    found("ec-long-x", {**good, "x": text(b"\0" + n.x.to_bytes(32, "big")), "y": number(n.y)})
    found("ec-private", {**good, "d": number(0xC0FFEE << 128 | 1)})
    found("ec-x-beyond-field", {**good, "x": number(2**256 - 1)})


def _other_keys(found):
    for kind in ("Ed25519", "Ed448", "X25519"):
        found(f"okp-{kind}", okp_key(kind))
    for alg in ("EdDSA", "Ed25519", "ES256"):
        found(f"okp-alg-{alg}", okp_key(alg=alg))
    good = okp_key()
    found("okp-short", {**good, "x": text(b"5" * 31)})
    found("okp-long", {**good, "x": text(b"5" * 33)})
    found("okp-no-x", without(good, "x"))
    found("okp-no-crv", without(good, "crv"))
    shared = {"kty": "oct", "k": text(b"secret" * 8)}
    found("oct", shared)
    for alg in ("HS256", "HS384", "HS512", "A128KW", "RS256"):
        found(f"oct-{alg}", {**shared, "alg": alg})
    found("oct-short", {**shared, "k": text(b"x")})
    found("oct-empty", {**shared, "k": ""})
    found("oct-no-k", {"kty": "oct"})
    found("oct-not-base64", {**shared, "k": "!!!"})
    base = ec_key()
    for use in ("sig", "enc", "SIG", "", None, 1, "sign"):
        found(f"use-{use}", {**base, "use": use})
    for name, ops in (("verify", ["verify"]), ("sign", ["sign"]), ("empty", []), ("text", "verify"), ("encrypt", ["encrypt"])):
        found(f"key-ops-{name}", {**base, "key_ops": ops})
    for kty in ("ec", "DSA", "", None, 7):
        found(f"kty-{kty}", {**base, "kty": kty})
    found("no-kty", without(base, "kty"))
    for name, kid in (("number", 7), ("null", None), ("empty", ""), ("long", "k" * 9000), ("unicode", "Schlüssel ☃"), ("list", ["a"])):
        found(f"kid-{name}", {**base, "kid": kid})
    found("alg-null", {**base, "alg": None})
    found("alg-number", {**base, "alg": 256})
    found("extra-members", {**base, "x5c": ["MIIB"], "x5t": "x", "exp": 1, "a": {"b": [1, 2, {"c": None}]}})


def _sets():
    good, other, bad = ec_key(kid="a"), rsa_key(kid="b"), {"kty": "EC", "crv": "P-256"}
    one = json.dumps({"keys": [good]})
    yield from {
        "two": json.dumps({"keys": [good, other]}), "same-twice": json.dumps({"keys": [good, good]}),
        "one-kid-two-keys": json.dumps({"keys": [good, {**other, "kid": "a"}]}), "good-bad": json.dumps({"keys": [good, bad]}),
        "bad-good": json.dumps({"keys": [bad, good]}), "empty-list": '{"keys": []}', "no-keys": "{}", "other-member": '{"Keys": []}',
        "keys-null": '{"keys": null}', "keys-object": json.dumps({"keys": good}), "keys-text": '{"keys": "x"}',
        "key-is-text": '{"keys": ["x"]}', "key-is-null": '{"keys": [null]}', "key-is-list": '{"keys": [[]]}',
        "list": json.dumps([good]), "one-key-without-a-set": json.dumps(good), "not-json": "hello", "yaml": "keys:\n- kty: EC\n",
        "pem": certificate_forms.text(certificate_forms.authorities(1)[0]).decode(),
        "x509-map": json.dumps({"a": certificate_forms.text(certificate_forms.authorities(1)[0]).decode()}),
        "spaces": " \n\t" + one + "\r\n  ", "pretty": json.dumps({"keys": [good]}, indent=2), "crlf": json.dumps(
            {"keys": [good]}, indent=2).replace("\n", "\r\n"),
        "bom": "\ufeff" + one, "zeros": one + "\0", "garbage-after": one + "x", "two-documents": one + one, "half": one[:len(one) // 2],
        "trailing-comma": one[:-2] + ",]}", "comment": "// mine\n" + one, "single-quotes": one.replace('"', "'"),
        "nan": one[:-1] + ', "a": NaN}', "escapes": one.replace("EC", "\\u0045C"), "surrogate": one[:-1] + ', "a": "\\ud800"}',
        "keys-twice": '{"keys": [], ' + one[1:], "keys-twice-last-bad": one[:-1] + ', "keys": []}',
        "member-twice": one.replace('"kty"', '"kty": "RSA", "kty"', 1), "deep": one[:-1] + ', "a": ' + "[" * 60 + "]" * 60 + "}",
        "very-deep": one[:-1] + ', "a": ' + "[" * 5000 + "]" * 5000 + "}", "big-number": one[:-1] + ', "a": 1e400}',
        "many": json.dumps({"keys": [ec_key(kid=f"k{i}") for i in range(256)]}),
        "too-many": json.dumps({"keys": [ec_key(kid=f"k{i}") for i in range(300)]}),
        "huge": one[:-1] + ', "a": "' + "x" * 300_000 + '"}', "infinity": "Infinity", "true": "true", "number": "5", "null": "null",
    }.items()


@functools.cache
def forms():
    """{name: the text of a set}"""
    keys = {}
    for part in (_rsa_keys, _ec_keys, _other_keys):
        part(keys.__setitem__)
    return {**{f"key-{n.replace(' ', '-')}": json.dumps({"keys": [k]}, ensure_ascii=False) for n, k in keys.items()},
            **{f"set-{n}": t for n, t in _sets()}}


def judged(folder, which, sets):
    """{name: whether a real Envoy can use the set}, of {name: text}."""
    def manager(name, text):
        authn = {"@type": f"{FILTER}.http.jwt_authn.v3.JwtAuthentication",
                 "providers": {name: {"issuer": "x", "local_jwks": {"inline_string": text}}},
                 "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": name}}]}
        return envoy_judge.manager([{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                                   {"name": "jwt", "typed_config": authn})

    return envoy_judge.takes(folder, which, {n: manager(n, t) for n, t in sets.items()}, manager("none", "no set"))
