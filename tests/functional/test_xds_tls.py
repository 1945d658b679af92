"""mTLS at the xDS port: permitted clients, and certificates that change while it runs."""

import socket
import ssl

import grpc
import pytest

from certs import Authority
from envoy_process import Envoy
from resources import ServerAlone, cluster
from xds_client import Stream, StreamEnded


class Secured(ServerAlone):
    def __init__(self, folder):
        self.authority = Authority()
        self.files = folder / "tls"
        ca, crt, key = self.authority.write(self.files, "xds.example.com", "127.0.0.1")
        super().__init__(folder / "run", "--tls-ca", ca, "--tls-cert", crt, "--tls-key", key)

    def stream(self, client=None, trust=None):
        """client: (chain, key) or None. trust: CA text."""
        chain, key = client or (None, None)
        credentials = grpc.ssl_channel_credentials(
            (trust or self.authority.text).encode(),
            key.encode() if key else None, chain.encode() if chain else None)
        channel = grpc.secure_channel(self.address, credentials, options=[
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.ssl_target_name_override", "xds.example.com")])
        return Stream(None, channel=channel)

    def served_certificate(self):
        """The server's certificate for any client, in PEM."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        host, port = self.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="xds.example.com") as tls:
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))


@pytest.fixture
def secured(folder):
    with Secured(folder) as server:
        yield server.start(cluster("a"))


def is_served(stream):
    with stream:
        stream.subscribe("CDS")
        return stream.next().names == ["a"]


def is_refused(stream):
    with stream:
        stream.subscribe("CDS")
        with pytest.raises(StreamEnded, match="UNAVAILABLE"):
            stream.next()
    return True


def test_a_client_of_our_authority_is_served(secured):
    assert is_served(secured.stream(secured.authority.issue("envoy")))


def test_a_client_without_a_certificate_is_refused(secured):
    assert is_refused(secured.stream())


def test_a_client_of_another_authority_is_refused(secured):
    assert is_refused(secured.stream(Authority().issue("envoy")))


def test_plain_text_is_refused(secured):
    assert is_refused(Stream(secured.address))


def test_a_new_certificate_is_taken_without_a_restart(secured):
    client = secured.authority.issue("envoy")
    with secured.stream(client) as old:
        old.subscribe("CDS")
        old.next()
        before = secured.served_certificate()
        secured.authority.write(secured.files, "xds.example.com")
        after = secured.served_certificate()
        assert after == (secured.files / "tls.crt").read_text() != before
        assert is_served(secured.stream(client))
        # Streams that are there go on.
        secured.commit(cluster("a", timeout=5))
        assert old.next().names == ["a"]


def test_a_new_authority_is_taken_without_a_restart(secured):
    other = Authority()
    client = other.issue("envoy")
    assert is_refused(secured.stream(client))
    secured.authority = other
    other.write(secured.files, "xds.example.com")
    assert is_served(secured.stream(client))


def test_broken_files_keep_what_was_there(secured):
    before = secured.served_certificate()
    (secured.files / "tls.key").write_text("no key\n")
    assert secured.served_certificate() == before
    assert is_served(secured.stream(secured.authority.issue("envoy")))


@pytest.mark.parametrize("address", ["0.0.0.0:0", "127.0.0.1:0", "[::1]:0"])
def test_without_tls_nothing_is_offered_by_tcp(folder, address):
    with ServerAlone(folder / "run") as server:
        server.stage.args = ["--xds-address", address]
        with pytest.raises(AssertionError, match="--tls-cert.*--insecure-plaintext"):
            server.stage.start()
        server.stage.process = None
        server.stage.args.append("--insecure-plaintext")
        server.start(cluster("a"))
        assert "plain TCP: whoever reaches it can read the private keys" in server.stage.logged()


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_a_real_envoy_comes_in_with_its_certificate_and_follows_a_new_one(secured, folder, which):
    mine = folder / "envoy-tls"
    ca, crt, key = secured.authority.write(mine, "envoy.example.com")
    sds = folder / "sds"
    sds.mkdir()
    source = secured.commit(cluster("a", timeout=3))
    with Envoy(folder, secured.address, which, bootstrap=[
            "--tls-ca", ca, "--tls-cert", crt, "--tls-key", key, "--tls-name", "xds.example.com",
            "--sds-dir", sds]):
        secured.stage.wait_accepted(source)
        # Both sides get new certificates of a new authority; Envoy comes back by itself.
        secured.authority = Authority()
        secured.authority.write(secured.files, "xds.example.com")
        secured.authority.write(mine, "envoy.example.com")
        secured.stage.keep_address()
        secured.stage.restart()
        source = secured.commit(cluster("a", timeout=4))
        secured.stage.wait_accepted(source)
