"""Every form of certificate, key, bundle and revocation list that people put into Secrets."""

import base64
import datetime
import functools
import pathlib
import subprocess
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

import certificate_encodings

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
DEBIAN = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


class Form(NamedTuple):
    """The bytes of the two files of a Secret."""

    first: bytes  # tls.crt, ca.crt or crl.pem
    key: bytes = b""


def key(kind="p256"):
    """The private key of a kind; of RSA, products of Mersenne primes where the size is unusual."""
    return _key(kind)


@functools.cache
def _key(kind):
    curves = {"p224": ec.SECP224R1, "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1,
              "secp256k1": ec.SECP256K1, "brainpool": ec.BrainpoolP256R1}
    mersenne = {"rsa1886": (607, 1279), "rsa4484": (2203, 2281), "rsa8676": (4253, 4423)}
    if kind in curves:
        return ec.derive_private_key(0xC0FFEE << 128 | 1, curves[kind]())
    if kind in mersenne:
        p, q = (2**n - 1 for n in mersenne[kind])
        d = pow(65537, -1, (p - 1) * (q - 1))
        return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
                                     rsa.RSAPublicNumbers(65537, p * q)).private_key(
                                         unsafe_skip_rsa_key_validation=True)
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return {"ed25519": lambda: ed25519.Ed25519PrivateKey.from_private_bytes(b"5" * 32),
            "ed448": lambda: ed448.Ed448PrivateKey.from_private_bytes(b"4" * 57),
            "dsa": lambda: dsa.generate_private_key(1024)}[kind]()


def key_text(private, form="PKCS8", password=None):
    secret = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private.private_bytes(PEM, getattr(serialization.PrivateFormat, form), secret)


ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forms")])


def certificate(host, kind="p256", *, subject=None, names=None, begins=None, ends=None, ca=None,
                extensions=(), serial=None, signer=None, issuer=ISSUER, digest=hashes.SHA256()):
    """One certificate as an object of cryptography. names: None for the host's DNS name."""
    private = key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]) if subject is None else subject
    names = [x509.DNSName(host)] if names is None else names
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
               .public_key(private.public_key()).serial_number(serial or 0x5EED5EED5EED5EED)
               .not_valid_before(begins or NOW - DAY).not_valid_after(ends or NOW + 90 * DAY))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        critical = isinstance(extension, tuple)
        builder = builder.add_extension(extension[0] if critical else extension, critical=critical)
    return builder.sign(key(signer or "p256"), digest)


def text(*certificates):
    return b"".join(c.public_bytes(PEM) for c in certificates)


def wrap(der, label="CERTIFICATE", width=64):
    body = base64.b64encode(der).decode()
    lines = [body[i:i + width] for i in range(0, len(body), width)] if width else [body]
    return "".join(f"{line}\n" for line in [f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"]).encode()


def usage(**on):
    words = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{word: word in on for word in words})


def spoiled(certificate_, old, new):
    """The certificate with the first such bytes in its DER replaced by as many others."""
    der = certificate_.public_bytes(DER)
    assert old in der and len(old) == len(new)
    return wrap(der.replace(old, new, 1))


def features(*numbers):
    return x509.TLSFeature([{5: x509.TLSFeatureType.status_request,
                             17: x509.TLSFeatureType.status_request_v2}[n] for n in numbers])


def _name(**parts):
    oids = {"cn": NameOID.COMMON_NAME, "o": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(oids[k], v) for k, v in parts.items()])


@functools.cache
def spelled_out():
    """A key whose curve is no name but all its numbers, as OpenSSL writes it."""
    return subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout",
                           "-param_enc", "explicit"], check=True, capture_output=True).stdout


def _openssl(*words, key):
    return subprocess.run(["openssl", *words], input=key, check=True, capture_output=True).stdout


def spelled_out_certificate(host):
    return _openssl("req", "-x509", "-key", "/dev/stdin", "-days", "90", "-subj", f"/CN={host}", "-addext",
                    f"subjectAltName=DNS:{host}", key=spelled_out())


def _curves(found):
    """Curves that are spelled out, in the key, in the certificate, or in both."""
    named = lambda: _openssl("ec", "-param_enc", "named_curve", key=spelled_out())  # noqa: E731

    def certificate_of_named(host):
        return _openssl("req", "-x509", "-key", "/dev/stdin", "-days", "90", "-subj", f"/CN={host}", "-addext",
                        f"subjectAltName=DNS:{host}", key=named())

    found("curve-spelled-out", lambda h: Form(spelled_out_certificate(h), spelled_out()))
    found("curve-spelled-out-in-certificate", lambda h: Form(spelled_out_certificate(h), named()))
    found("curve-spelled-out-in-key", lambda h: Form(certificate_of_named(h), spelled_out()))
    found("curve-spelled-out-in-key-pkcs8", lambda h: Form(
        certificate_of_named(h), _openssl("pkcs8", "-topk8", "-nocrypt", key=spelled_out())))
    found("curve-spelled-out-in-chain", lambda h: Form(
        text(certificate(h)) + spelled_out_certificate("an authority"), key_text(key())))


def _kinds(found):
    """Sorts of keys and how they are written."""
    for kind in ("rsa1024", "rsa1886", "rsa2048", "rsa3072", "rsa4484", "rsa8676", "p224", "p256", "p384",
                 "p521", "secp256k1", "brainpool", "ed25519", "ed448", "dsa"):
        found(f"kind-{kind}", lambda h, kind=kind: Form(text(certificate(h, kind)), key_text(key(kind))))
    for kind in ("rsa2048", "p256", "p384"):
        form = "TraditionalOpenSSL"
        found(f"traditional-{kind}", lambda h, kind=kind: Form(
            text(certificate(h, kind)), key_text(key(kind), form)))
        found(f"encrypted-traditional-{kind}", lambda h, kind=kind: Form(
            text(certificate(h, kind)), key_text(key(kind), form, b"x")))
    def damaged(kind):
        """Its private number is another."""
        der = key(kind).private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        numbers = key(kind).private_numbers()
        secret = numbers.private_value if kind == "p256" else numbers.d
        old = secret.to_bytes((secret.bit_length() + 7) // 8)
        assert old in der
        return wrap(der.replace(old, old[:-1] + bytes([old[-1] ^ 2])), "PRIVATE KEY")

    found("key-ec-wrong-number", lambda h: Form(text(certificate(h)), damaged("p256")))
    found("key-rsa-wrong-exponent", lambda h: Form(text(certificate(h, "rsa2048")), damaged("rsa2048")))
    good = lambda h: text(certificate(h))  # noqa: E731
    private = key_text(key())
    parameters = wrap(bytes.fromhex("06082a8648ce3d030107"), "EC PARAMETERS")
    files = {
        "encrypted": key_text(key(), password=b"x"), "openssh": key_text(key(), "OpenSSH"),
        "parameters": parameters + key_text(key(), "TraditionalOpenSSL"),
        "raw-der": key().private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        "public": key().public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "other": key_text(key("p384")), "twice": private * 2, "other-after": private + key_text(key("p384")),
        "other-before": key_text(key("p384")) + private, "crlf": private.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + private, "text": b"the key:\n" + private + b"that was it\n",
        "no-end": private[:private.index(b"-----END")], "no-newline": private.rstrip(b"\n"),
        "spaces": b"\n".join(b"  " + line for line in private.splitlines()) + b"\n",
        "trailing-spaces": private.replace(b"\n", b"  \n"), "empty-lines": private.replace(b"\n", b"\n\n"),
        "certificate-first": text(certificate("x")) + private, "zeros": private + b"\0\0",
        "one-line": private.replace(b"\n", b" "), "half": private[:len(private) // 2],
        "bad-base64": private.replace(b"M", b"!", 1),
        "rsa-label": private.replace(b"PRIVATE KEY", b"RSA PRIVATE KEY"),
        "ec-label": private.replace(b"PRIVATE KEY", b"EC PRIVATE KEY"),
        "any-label": private.replace(b"PRIVATE KEY", b"ANY PRIVATE KEY"),
        "sec1-as-pkcs8": key_text(key(), "TraditionalOpenSSL").replace(b"EC PRIVATE", b"PRIVATE"),
        "headers": private.replace(b"KEY-----\n", b"KEY-----\nComment: mine\n\n", 1),
        "bag": b"Bag Attributes\n    localKeyID: 01 00\nKey Attributes: <No Attributes>\n" + private,
    }
    for name, data in files.items():
        found(f"key-{name}", lambda h, data=data: Form(good(h), data))


def _files(found):
    """The layouts of certificates in a file."""
    private = key_text(key())

    def put(name, change):
        found(f"file-{name}", lambda h: Form(change(text(certificate(h))), private))

    put("crlf", lambda t: t.replace(b"\n", b"\r\n"))
    put("cr", lambda t: t.replace(b"\n", b"\r"))
    put("bom", lambda t: b"\xef\xbb\xbf" + t)
    put("bom-and-text", lambda t: b"\xef\xbb\xbf# mine\n" + t)
    put("utf16", lambda t: t.decode().encode("utf-16"))
    put("text", lambda t: b"subject=CN = x\nissuer=CN = y\n" + t + b"the end\n")
    put("bag", lambda t: b"Bag Attributes\n    friendlyName: x\n    localKeyID: 01\nsubject=/CN=x\n" + t)
    put("utf8-text", lambda t: "Zertifikat für Ärzte\n".encode() + t)
    put("long-text", lambda t: b"#" * 2000 + b"\n" + t)
    put("long-text-253", lambda t: b"#" * 253 + t)
    put("after-text-on-line", lambda t: b"x " + t)
    put("indented", lambda t: b"\n".join(b"  " + line for line in t.splitlines()) + b"\n")
    put("trailing-spaces", lambda t: t.replace(b"\n", b" \t\n"))
    put("empty-lines", lambda t: t.replace(b"\n", b"\n\n"))
    put("empty-line-first", lambda t: t.replace(b"ATE-----\n", b"ATE-----\n\n", 1))
    put("no-newline", lambda t: t.rstrip(b"\n"))
    put("one-line", lambda t: t.replace(b"\n", b" "))
    put("no-end", lambda t: t[:t.index(b"-----END")])
    put("bad-end", lambda t: t.replace(b"END CERTIFICATE", b"END CERT"))
    put("four-dashes", lambda t: t.replace(b"-----", b"----"))
    put("lower-case", lambda t: t.replace(b"CERTIFICATE", b"certificate"))
    put("bad-base64", lambda t: t.replace(b"A", b"!", 1))
    put("base64-url", lambda t: t.replace(b"/", b"_"))
    put("zeros", lambda t: t + b"\0\0\0")
    put("zeros-inside", lambda t: t.replace(b"\n", b"\n\0", 3))
    put("twice-on-a-line", lambda t: t.rstrip(b"\n") + t)
    put("begin-twice", lambda t: t.splitlines(True)[0] + t)
    put("half", lambda t: t[:len(t) // 2])
    put("header", lambda t: t.replace(b"ATE-----\n", b"ATE-----\nComment: mine\n\n", 1))
    put("encrypted-header", lambda t: t.replace(
        b"ATE-----\n", b"ATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1))
    put("key-first", lambda t: private + t)
    put("key-after", lambda t: t + private)
    put("bad-after", lambda t: t + wrap(b"not a certificate"))
    put("bad-before", lambda t: wrap(b"not a certificate") + t)
    put("unended-after", lambda t: t + b"-----BEGIN CERTIFICATE-----\nMIIB\n")
    put("empty-after", lambda t: t + b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    put("request-after", lambda t: t + wrap(b"x", "CERTIFICATE REQUEST"))
    put("crl-after", lambda t: t + revocations())
    put("dh-parameters-after", lambda t: t + wrap(b"x", "DH PARAMETERS"))
    put("blank", lambda t: b" ")
    for label in ("X509 CERTIFICATE", "TRUSTED CERTIFICATE", "NEW CERTIFICATE", "PKCS7", "CERTIFICATE REQUEST"):
        put(label.lower().replace(" ", "-"), lambda t, label=label: t.replace(b"CERTIFICATE", label.encode()))
    for width in (0, 16, 63, 65, 76, 252, 253, 254, 255, 300):
        put(f"width-{width}", lambda t, width=width: wrap(
            x509.load_pem_x509_certificate(t).public_bytes(DER), width=width))
    put("raw-der", lambda t: x509.load_pem_x509_certificate(t).public_bytes(DER))
    put("trailing-der", lambda t: wrap(x509.load_pem_x509_certificate(t).public_bytes(DER) + b"\0\1"))


@functools.cache
def authorities(n):
    return [certificate(f"ca {i}", ca=True, names=(), subject=_name(cn=f"authority {i}")) for i in range(n)]


def _chains(found):
    private = key_text(key())
    first, *others = authorities(40)

    def put(name, order):
        found(f"chain-{name}", lambda h: Form(order(text(certificate(h))), private))

    put("with-root", lambda t: t + text(first))
    put("reversed", lambda t: text(first) + t)
    put("leaf-twice", lambda t: t * 2)
    put("duplicates", lambda t: t + text(first) * 3)
    put("of-33", lambda t: t + text(*others[:32]))
    put("of-40", lambda t: t + text(*others))
    put("bad-intermediate", lambda t: t + wrap(b"\x30\x03\x02\x01\x05") + text(first))
    put("weak-intermediate", lambda t: t + text(certificate("weak", "rsa1024", ca=True)))


def _contents(found):
    """The contents of a certificate."""
    private = key_text(key())

    def put(name, kind="p256", **how):
        found(f"content-{name}", lambda h: Form(text(certificate(h, kind, **{
            k: v(h) if callable(v) else v for k, v in how.items()})), key_text(key(kind))))

    put("expired", ends=NOW - DAY / 2)
    put("not-yet", begins=NOW + DAY)
    put("year-2049", ends=datetime.datetime(2049, 12, 31))
    put("year-2050", ends=datetime.datetime(2050, 1, 1))
    put("year-9999", ends=datetime.datetime(9999, 12, 31, 23, 59, 59))
    put("must-staple", extensions=[features(5)])
    put("must-staple-v2", extensions=[features(17)])
    put("must-staple-both", extensions=[features(5, 17)])
    put("must-staple-critical", extensions=[(features(5),)])
    put("no-names", subject=x509.Name([]), names=())
    put("organization-only", subject=_name(o="Example"), names=())
    put("cn-only", names=())
    put("names-only", subject=x509.Name([]))
    put("uri-only", subject=x509.Name([]), names=[x509.UniformResourceIdentifier("spiffe://x/y")])
    put("email-only", subject=x509.Name([]), names=[x509.RFC822Name("a@example.com")])
    put("ip-only", subject=x509.Name([]), names=[x509.IPAddress(__import__("ipaddress").ip_address("10.0.0.1"))])
    put("registered-id-only", subject=x509.Name([]), names=[x509.RegisteredID(ObjectIdentifier("1.2.3"))])
    put("many-names", names=lambda h: [x509.DNSName(f"n{i}.example.com") for i in range(1500)] + [x509.DNSName(h)])
    put("ca-true", ca=True)
    put("ca-false", ca=False)
    put("rsa-encipherment-only", "rsa2048", extensions=[usage(key_encipherment=1)])
    put("rsa-no-usage", "rsa2048", extensions=[usage(crl_sign=1)])
    put("ec-agreement-only", extensions=[usage(key_agreement=1)])
    put("ec-agreement-critical", extensions=[(usage(key_agreement=1),)])
    put("ec-signature", extensions=[usage(digital_signature=1)])
    put("ec-cert-sign", extensions=[usage(key_cert_sign=1)])
    put("ed25519-agreement-only", "ed25519", extensions=[usage(key_agreement=1)])
    put("client-only", extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
    put("code-signing-critical", extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),)])
    put("unknown-critical", extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"),)])
    put("unknown-garbage", extensions=[x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\xff")])
    for what, oid in {"names": "2.5.29.17", "usage": "2.5.29.15", "constraints": "2.5.29.19",
                      "features": "1.3.6.1.5.5.7.1.24", "extended": "2.5.29.37"}.items():
        put(f"garbage-{what}", names=(), extensions=[x509.UnrecognizedExtension(ObjectIdentifier(oid), b"\x04\x01x")])
    put("small-serial", serial=1)
    put("huge-serial", serial=2**158 + 1)
    sha256, sha1 = (bytes.fromhex(f"2a864886f70d0101{n}") for n in ("0b", "05"))
    found("content-signed-by-sha1", lambda h: Form(wrap(certificate(h, signer="rsa2048").public_bytes(
        DER).replace(sha256, sha1)), private))
    put("signed-by-rsa1024", signer="rsa1024")
    put("signed-by-sha512", signer="p521", digest=hashes.SHA512())
    put("unicode", subject=_name(cn="Bücher ☃", o="Ä" * 60))
    put("no-issuer", issuer=x509.Name([]))
    serial = 0x0102030405060708090A0B0C0D0E0F10
    base = functools.partial(certificate, serial=serial)
    number = serial.to_bytes(16)
    spoil = {
        "negative-serial": (lambda h: base(h), number, b"\x81" + number[1:]),
        "padded-serial": (lambda h: base(h), number, b"\0\0" + number[2:]),
        "version-1-with-extensions": (lambda h: base(h), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x00"),
        "version-2": (lambda h: base(h), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"),
        "version-4": (lambda h: base(h), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03"),
        "boolean-one": (lambda h: base(h, ca=True), b"\x01\x01\xff", b"\x01\x01\x01"),
        "default-boolean": (lambda h: base(h, ca=True), b"\x55\x1d\x13\x01\x01\xff", b"\x55\x1d\x13\x01\x01\x00"),
        "bad-utf8": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"abcdefgh", b"abc\xff\xfe\xfdgh"),
        "nul-in-cn": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"abcdefgh", b"abcd\0fgh"),
        "printable-star": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"\x0c\x08abcdefgh", b"\x13\x08abc*_@gh"),
        "bmp-cn": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"\x0c\x08abcdefgh", b"\x1e\x08\0a\0b\0c\0d"),
        "bad-bmp-cn": (lambda h: base(h, subject=_name(cn="abcdefg")), b"\x0c\x07abcdefg", b"\x1e\x07\0a\0b\0c\0"),
        "teletex-cn": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"\x0c\x08abcdefgh", b"\x14\x08abcd\xe4fgh"),
        "octets-cn": (lambda h: base(h, subject=_name(cn="abcdefgh")), b"\x0c\x08abcdefgh", b"\x04\x08abcdefgh"),
        "bad-month": (lambda h: base(h, ends=datetime.datetime(2030, 10, 11, 12, 13, 14)), b"301011121314Z", b"301311121314Z"),
        "time-offset": (lambda h: base(h, ends=datetime.datetime(2030, 10, 11, 12, 13, 14)),
                        b"301011121314Z", b"30101112+0100"),
        "time-short": (lambda h: base(h, ends=datetime.datetime(2030, 10, 11, 12, 13, 14)),
                       b"\x17\x0d301011121314Z", b"\x17\x0d3010111213  Z"),
        "generalized-2030": (lambda h: base(h, ends=datetime.datetime(2050, 10, 11, 12, 13, 14)),
                             b"20501011121314Z", b"20301011121314Z"),
        "nul-in-name": (lambda h: base(h, names=[x509.DNSName("nulinside"), x509.DNSName(h)]), b"nulinside", b"nul\0nside"),
        "bad-name": (lambda h: base(h, names=[x509.DNSName("nulinside"), x509.DNSName(h)]), b"nulinside", b"nul\xff inde"),
        "ip-of-5": (lambda h: base(h, names=[x509.RegisteredID(ObjectIdentifier("1.2.3.4.5.6")), x509.DNSName(h)]),
                    b"\x88\x05", b"\x87\x05"),
        "other-signature-algorithm": (lambda h: base(h), b"\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x2a\x86\x48\xce\x3d\x04\x03\x03"),
        "unknown-curve": (lambda h: base(h), b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x09"),
        "point-off-curve": (lambda h: base(h), b"\x03\x42\0\x04", b"\x03\x42\0\x05"),
        "unused-bits": (lambda h: base(h), b"\x03\x42\0\x04", b"\x03\x42\1\x04"),
        "duplicate-extension": (lambda h: base(h, extensions=[
            x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"),
            x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.5"), b"\5\0")]), b"\x06\x03\x2a\x03\x05", b"\x06\x03\x2a\x03\x04"),
        "duplicate-names": (lambda h: base(h, ca=True, extensions=[
            x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.54"), b"\5\0")]), b"\x55\x1d\x36", b"\x55\x1d\x11"),
        "empty-names": (lambda h: base(h, names=(), extensions=[
            x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), b"\x30\0")]), b"\x30\0", b"\x30\0"),
        "empty-names-and-subject": (lambda h: base(h, names=(), subject=x509.Name([]), extensions=[
            x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), b"\x30\0")]), b"\x30\0", b"\x30\0"),
    }
    for name, (make, old, new) in spoil.items():
        found(f"content-{name}", lambda h, m=make, o=old, n=new: Form(spoiled(m(h), o, n), private))

    def empty_cn(host):
        der = base(host, subject=_name(cn="abcdefgh")).public_bytes(DER)
        return Form(wrap(der.replace(b"\x0c\x08abcdefgh", b"\x0c\x81\x00" + b"abcdefg")), private)

    found("content-long-length", empty_cn)


@functools.cache
def pairs(host):
    """{name: function of a host → Form} of certificates with keys. host is a template: "{}.example.com"."""
    rows = {}
    for part in (_kinds, _curves, _files, _chains, _contents, certificate_encodings.pairs):
        part(rows.__setitem__)
    return {name: make(host.format(name)) for name, make in rows.items()}


@functools.cache
def revocations(signer="p256", days=30, n=1):
    builder = (x509.CertificateRevocationListBuilder().issuer_name(ISSUER)
               .last_update(NOW - 40 * DAY).next_update(NOW + days * DAY))
    for i in range(n):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(i + 1).revocation_date(NOW - DAY).build())
    return builder.sign(key(signer), hashes.SHA256()).public_bytes(PEM)


def _variants(good, other):
    """The layouts of a list of PEM blocks in a file."""
    return {
        "plain": good, "crlf": good.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + good,
        "bom-and-two": b"\xef\xbb\xbf" + good * 2, "text": b"# mine\nsubject=x\n" + good + b"end",
        "twice": good * 2, "indented": b"  " + good.replace(b"\n", b"\n  "), "empty": b" ",
        "no-newline": good.rstrip(b"\n"), "no-end": good[:good.index(b"-----END")], "other": other,
        "with-other": other + good, "bad-after": good + good.replace(b"\nM", b"\n!", 1),
        "bad-der-after": good + wrap(b"nothing", good.split(b"-----")[1].split(b" ", 1)[1].decode()),
        "no-end-after": good + good[:good.index(b"-----END")], "key-too": good + key_text(key()),
        "encrypted-key-too": good + key_text(key(), password=b"x"),
        "traditional-key-too": good + key_text(key(), "TraditionalOpenSSL"),
        "bad-key-too": good + wrap(b"nothing", "EC PRIVATE KEY"),
        "bad-key-8-too": good + wrap(b"nothing", "PRIVATE KEY"),
        "unknown-too": wrap(b"nothing", "SOMETHING") + good, "zeros": good + b"\0", "one-line": good.replace(b"\n", b" "),
        "empty-lines": good.replace(b"\n", b"\n\n"), "half-after": good + good[:len(good) // 2],
        "x509-label": good.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        "trusted-label": good.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        "begin-twice": good.splitlines(True)[0] + good, "bad-end-after": good + good.replace(b"-----END ", b"-----END X"),
    }


@functools.cache
def bundles():
    """{name: bytes} of ca.crt."""
    one = text(authorities(1)[0])
    found = _variants(one, revocations())
    for n in (2, 33, 144):
        found[f"of-{n}"] = text(*authorities(n))
    found["comments"] = b"".join(b"# %d\n" % i + text(c) for i, c in enumerate(authorities(33)))
    found["expired"] = text(certificate("old", ca=True, ends=NOW - DAY / 2))
    found["leaf"] = text(certificate("leaf"))
    found["no-names"] = text(certificate("x", ca=True, names=(), subject=x509.Name([])))
    found["weak"] = text(certificate("x", "rsa1024", ca=True))
    for kind in ("p224", "secp256k1", "brainpool", "ed25519", "ed448", "dsa", "rsa8676"):
        found[f"kind-{kind}"] = text(certificate("x", kind, ca=True))
    found["curve-spelled-out"] = spelled_out_certificate("an authority")
    found["not-for-signing"] = text(certificate("x", ca=True, extensions=[usage(digital_signature=1)]))
    found["garbage-constraints"] = text(certificate("x", names=(), extensions=[
        x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x04\x01x")]))
    found |= certificate_encodings.bundles()
    if DEBIAN.exists():
        found["debian"] = DEBIAN.read_bytes()
    return found


@functools.cache
def lists():
    """{name: bytes} of crl.pem."""
    found = _variants(revocations(), text(authorities(1)[0]))
    found["expired"] = revocations(days=-2)
    found["of-others"] = revocations("p384")
    found["of-1000"] = revocations(n=1000)
    found["two"] = revocations() + revocations("p384")
    found["by-rsa"] = revocations("rsa2048")
    return found | certificate_encodings.lists()
