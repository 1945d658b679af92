"""`portolan certgen` makes and renews the certificates by which xds-server and Envoys know each
other."""

import datetime
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from envoy_process import Envoy
from programs import program
from resources import ServerAlone, cluster

DAY = datetime.timedelta(days=1)


def certgen(*words, check=0, **options):
    done = subprocess.run([program("portolan"), "certgen", *map(str, words)], capture_output=True,
                          text=True, timeout=60, **options)
    assert done.returncode == check, done.stderr
    return done


class Files:
    def __init__(self, folder):
        self.dir = folder / "certs"

    def make(self, *words):
        return certgen("--out", self.dir, *words).stdout

    def text(self, name):
        return (self.dir / name).read_bytes()

    def cert(self, role):
        return x509.load_pem_x509_certificate(self.text(f"{role}/tls.crt"))

    def trusted(self, role):
        return x509.load_pem_x509_certificates(self.text(f"{role}/ca.crt"))

    def all(self):
        return {p: p.read_bytes() for p in self.dir.rglob("*") if p.is_file()}


@pytest.fixture
def files(folder):
    return Files(folder)


def test_what_is_made_is_good_for_its_purpose_and_no_other(files):
    files.make("--server-name", "portolan.edge.svc")
    ca, server, envoy = (files.cert(role) for role in ("ca", "xds-server", "envoy"))
    for leaf, purpose in ((server, ExtendedKeyUsageOID.SERVER_AUTH), (envoy, ExtendedKeyUsageOID.CLIENT_AUTH)):
        leaf.verify_directly_issued_by(ca)
        usage = leaf.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
        assert list(usage) == [purpose]
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < 366 * DAY
        assert leaf.serial_number.bit_length() > 100
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["portolan", "portolan.edge.svc"]
    for role in ("xds-server", "envoy"):
        assert files.trusted(role) == [ca]
        key = serialization.load_pem_private_key(files.text(f"{role}/tls.key"), None)
        assert key.public_key() == files.cert(role).public_key()
        assert (files.dir / role / "tls.key").stat().st_mode & 0o777 == 0o600


def test_to_run_it_again_changes_nothing(files):
    files.make()
    before = files.all()
    said = files.make()
    assert said.count("kept") == 3
    assert files.all() == before


def test_what_is_near_its_end_is_renewed_by_the_same_authority(files):
    files.make("--days", "40")
    ca, old = files.cert("ca"), files.cert("envoy")
    said = files.make("--days", "40", "--renew-before-days", "39")
    assert said.count("kept") == 3
    said = files.make("--days", "60", "--renew-before-days", "50")
    assert said.count("made") == 2
    assert files.cert("ca") == ca and files.cert("envoy") != old
    files.cert("envoy").verify_directly_issued_by(ca)


def test_a_name_that_is_missing_renews_the_server_alone(files):
    files.make()
    envoy = files.cert("envoy")
    files.make("--server-name", "other.example.com")
    assert files.cert("envoy") == envoy
    names = files.cert("xds-server").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "other.example.com" in names.get_values_for_type(x509.DNSName)


def test_a_lost_authority_is_replaced_without_a_moment_of_distrust(files):
    files.make()
    old = files.cert("ca")
    leaves = [files.cert("xds-server"), files.cert("envoy")]
    shutil.rmtree(files.dir / "ca")
    said = files.make()
    new = files.cert("ca")
    # First both sides learn to trust it.
    assert "run this again" in said
    assert [files.cert("xds-server"), files.cert("envoy")] == leaves
    assert files.trusted("xds-server") == files.trusted("envoy") == [new, old]
    # Now they get certificates signed by it, and still trust peers with the old ones.
    files.make()
    files.cert("xds-server").verify_directly_issued_by(new)
    files.cert("envoy").verify_directly_issued_by(new)
    assert files.trusted("envoy") == [new, old]


def test_force_makes_all_anew_at_once(files):
    files.make()
    before = files.all()
    assert files.make("--force").count("made") == 3
    assert not set(before.values()) & set(files.all().values())


def test_what_is_broken_is_replaced(files):
    files.make()
    (files.dir / "envoy" / "tls.key").write_text("nonsense")
    (files.dir / "xds-server" / "tls.crt").unlink()
    files.make()
    for role in ("xds-server", "envoy"):
        key = serialization.load_pem_private_key(files.text(f"{role}/tls.key"), None)
        assert key.public_key() == files.cert(role).public_key()


@pytest.mark.parametrize("words, why", [
    ((), "--out DIR or --kube"),
    (("--out", "/tmp/x", "--kube"), "--out DIR or --kube"),
    (("--out", "/tmp/x", "--days", "0"), "--days"),
    (("--out", "/tmp/x", "--renew-before-days", "365"), "--renew-before-days"),
    (("--out", "/tmp/x", "word"), "nothing to name"),
])
def test_misuse_is_said(words, why):
    assert why in certgen(*words, check=2).stderr


def test_failures_are_said(files, folder):
    assert "cannot make the authority" not in certgen("--out", folder / "no" / "folder", check=1).stderr
    said = certgen("--out", folder / "c", "--server-name", "bad name", check=1).stderr
    assert "certificate of xds-server" in said
    said = certgen("--kube", "--account", folder, check=1).stderr
    assert "cannot read" in said and "token" in said


def words(folder):
    return [w for o, n in (("ca", "ca.crt"), ("cert", "tls.crt"), ("key", "tls.key"))
            for w in (f"--tls-{o}", folder / n)]


def test_an_envoy_comes_in_with_them_and_stays_through_a_change_of_authority(files, folder):
    files.make()
    with ServerAlone(folder / "run", *words(files.dir / "xds-server")) as server:
        server.start(cluster("a"))
        source = server.commit(cluster("a", timeout=3))
        with Envoy(folder, server.address, bootstrap=words(files.dir / "envoy")):
            server.stage.wait_accepted(source)
            shutil.rmtree(files.dir / "ca")
            # After each step an Envoy that has to reconnect is served.
            for step in (1, 2):
                files.make()
                server.stage.keep_address()
                server.stage.restart()
                source = server.commit(cluster("a", timeout=3 + step))
                server.stage.wait_accepted(source)
