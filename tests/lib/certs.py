"""Certificates made for one test run."""

import datetime
import ipaddress
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Certificate(NamedTuple):
    """PEM texts: the certificate (with its chain) and its key."""

    chain: str
    key: str

    @property
    def der(self):
        return x509.load_pem_x509_certificate(self.chain.encode()).public_bytes(serialization.Encoding.DER)


def _name(text, groups=()):
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_text(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


class Authority:
    """Signs what a test needs."""

    def __init__(self, name="Portolan test authority"):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self.certificate = self._sign(self.name, self.key.public_key(), (), authority=True)
        self.text = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def pair(self):
        return Certificate(self.text, _key_text(self.key))

    def _sign(self, subject, public_key, names, *, authority=False, begins=None, ends=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins or now - DAY)
            .not_valid_after(ends or now + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False
            ).add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH,
                                       ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, *names, groups=(), begins=None, ends=None):
        """A certificate for both sides of a connection. Kubernetes takes a client's user from the
        first name and its groups from the groups.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0], groups)
        signed = self._sign(subject, key.public_key(), names, begins=begins, ends=ends)
        return Certificate(signed.public_bytes(serialization.Encoding.PEM).decode(), _key_text(key))

    def revoke(self, *certificates):
        """A list of revoked certificates, as PEM."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.name)
                   .last_update(now - DAY).next_update(now + 365 * DAY))
        for certificate in certificates:
            serial = x509.load_pem_x509_certificate(certificate.chain.encode()).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def write(self, folder, *names):
        """ca.crt, tls.crt and tls.key in a folder, each renamed into place; the paths."""
        folder.mkdir(exist_ok=True)
        issued = self.issue(*names)
        paths = []
        for name, text in (("ca.crt", self.text), ("tls.crt", issued.chain), ("tls.key", issued.key)):
            aside = folder / f".{name}.new"
            aside.write_text(text)
            aside.rename(folder / name)
            paths.append(folder / name)
        return paths
