"""The configuration's effect, as clients and backends see it: a real Envoy that the whole pipeline
configures, and a file that is read again while it runs."""

import gzip
import re
import signal
import socket
import ssl

import pytest

from certs import Authority
from events import Growing
from objects import ingress, path, port, rule, service, slice_of, tls_secret

NAME = "web.example.com"
LONG = "/" + "x" * 200  # its answer is worth compressing


@pytest.fixture
def configured(site):
    """A site whose file is empty at first."""
    site.file = site.folder / "config.yaml"
    site.file.write_text("")
    site.pipeline.watcher.args += ["--config", str(site.file)]
    site.start()
    web = site.backend("web")
    site.write("all.yaml", *backend_objects(web), proxy())
    return site


def backend_objects(backend):
    return [service(backend.name, port(80, target=backend.port)),
            slice_of(backend.name, backend.port, backend.address)]


def proxy(route=None, **virtualhost):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": NAME, **virtualhost},
                     "routes": [{"services": [{"name": "web", "port": 80}], **(route or {})}]}}


def configure(site, text, said="was read again"):
    with Growing(site.pipeline.watcher.log) as log:
        site.file.write_text(text)
        site.pipeline.watcher.process.send_signal(signal.SIGHUP)
        log.wait_for(said)
    site.settle()


def raw(site, data, tls=False):
    """All that comes back until the other side closes."""
    connection = site.client.connect(NAME, tls)
    with connection.sock as sock:
        sock.sendall(data)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    return answer


REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()


def test_a_reload_changes_what_envoy_does_and_a_bad_file_does_not(configured):
    site = configured
    assert site.get(NAME).headers["server"] == "envoy"
    configure(site, "serverHeaderTransformation: pass_through\n")
    assert "BaseHTTP" in site.get(NAME).headers["server"]
    configure(site, "serverHeaderTransformation: sideways\n", "stays as it was")
    assert "BaseHTTP" in site.get(NAME).headers["server"]
    configure(site, "")
    assert site.get(NAME).headers["server"] == "envoy"


def test_answers_are_compressed_unless_it_is_ruled_out(configured):
    site = configured

    def encoding():
        connection = site.client.connect(NAME)
        connection.request("GET", LONG, headers={"Host": NAME, "Accept-Encoding": "gzip, br"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        assert answer.headers["content-encoding"] == "br" or LONG.encode() in body
        return answer.headers["content-encoding"]

    assert encoding() == "gzip"
    configure(site, "compression: {algorithm: brotli}\n")
    assert encoding() == "br"
    configure(site, "compression: {algorithm: disabled}\n")
    assert encoding() is None


def test_paths_and_names_are_made_alike_as_far_as_is_said(configured):
    site = configured
    configure(site, "network: {strip-trailing-host-dot: true}\n")
    assert site.get(f"{NAME}.").status == 200
    assert site.get(NAME, "/a///b").body.split()[2] == "/a/b"
    configure(site, "disableMergeSlashes: true\n")
    assert site.get(f"{NAME}.").status == 404
    assert site.get(NAME, "/a///b").body.split()[2] == "/a///b"


def test_a_client_behind_trusted_hops_is_the_one_that_they_name(configured):
    site = configured

    def forwarded():
        site.backends["web"].asked.clear()
        assert site.get(NAME, headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}).status == 200
        return site.backends["web"].asked[-1].headers["X-Client"]

    policy = 'policy: {request-headers: {set: {X-Client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}}\n'
    configure(site, policy)
    assert forwarded().startswith("127.")
    configure(site, policy + "network: {num-trusted-hops: 1}\n")
    assert forwarded() == "192.0.2.2"


def test_headers_are_set_for_all_services_and_for_ingresses_where_that_is_said(configured):
    site = configured
    site.write("ingress.yaml", ingress("web", rule("ingress.example.com", path("web"))))
    policy = ("policy:\n  request-headers: {set: {x-from: '%CONTOUR_NAMESPACE%/%CONTOUR_SERVICE_NAME%'}, "
              "remove: [x-secret]}\n  response-headers: {set: {x-all: '1'}, remove: [x-backend]}\n")

    def asked(host):
        site.backends["web"].asked.clear()
        answer = site.get(host, headers={"X-Secret": "s"})
        headers = site.backends["web"].asked[-1].headers
        return headers["x-from"], headers["x-secret"], answer.headers.get("x-all"), answer.backend

    configure(site, policy)
    assert asked(NAME) == ("default/web", None, "1", None)
    assert asked("ingress.example.com") == (None, "s", None, "web")
    configure(site, policy + "  applyToIngress: true\n")
    assert asked("ingress.example.com") == ("default/web", None, "1", None)


def test_the_proxy_protocol_says_who_the_client_is(configured):
    site = configured
    configure(site, "portolan: {use-proxy-protocol: true}\n")
    site.backends["web"].asked.clear()
    answer = raw(site, b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n" + REQUEST)
    assert answer.startswith(b"HTTP/1.1 200")
    assert site.backends["web"].asked[-1].headers["X-Forwarded-For"] == "192.0.2.7"


def test_a_connection_ends_after_its_requests_and_after_its_time(configured):
    site = configured
    configure(site, "listener: {max-requests-per-connection: 2}\n")
    connection = site.client.connect(NAME)
    answers = [site.client.on(connection, NAME) for _ in range(2)]
    assert [a.headers.get("connection") for a in answers] == [None, "close"]
    configure(site, "timeouts: {connection-idle-timeout: 200ms}\n")
    connection = site.client.connect(NAME)
    assert site.client.on(connection, NAME).status == 200
    assert connection.sock.recv(1) == b""  # Envoy closes it
    # A request that is never finished.
    configure(site, "timeouts: {request-timeout: 200ms}\n")
    answer = raw(site, f"POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 9\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_request_with_two_lengths_is_taken_by_its_chunks_unless_that_is_ruled_out(configured):
    site = configured
    request = (f"POST / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Length: 3\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").encode()
    assert raw(site, request).startswith(b"HTTP/1.1 200")
    configure(site, "disableAllowChunkedLength: true\n")
    assert raw(site, request).startswith(b"HTTP/1.1 400")


def test_a_connection_ends_when_its_time_is_over(configured):
    site = configured
    configure(site, "timeouts: {max-connection-duration: 300ms, delayed-close-timeout: 100ms}\n")
    connection = site.client.connect(NAME)
    assert site.client.on(connection, NAME).status == 200
    assert connection.sock.recv(1) == b""


def test_upstream_connections_end_after_their_requests(configured):
    site = configured
    configure(site, "cluster: {max-requests-per-connection: 1}\n")
    before = site.backends["web"].closed
    for _ in range(3):
        assert site.get(NAME).status == 200
    site.backends["web"].wait_closed(before + 3)


def test_tls_has_the_versions_ciphers_and_protocols_that_are_said(configured):
    site = configured
    authority = Authority()
    site.write("all.yaml", *backend_objects(site.backends["web"]),
               tls_secret("cert", authority.issue(NAME)),
               proxy({"permitInsecure": True}, tls={"secretName": "cert"}))

    def handshake(version=None, ciphers=None, alpn=("h2", "http/1.1")):
        context = ssl.create_default_context(cadata=authority.text)
        context.set_alpn_protocols(list(alpn))
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        with socket.create_connection((site.address, site.client.https), timeout=10) as plain, \
                context.wrap_socket(plain, server_hostname=NAME) as sock:
            return sock.version(), sock.cipher()[0], sock.selected_alpn_protocol()

    assert handshake()[0::2] == ("TLSv1.3", "h2")
    assert handshake(ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    assert site.get(NAME).status == 200

    configure(site, "tls: {minimum-protocol-version: '1.3'}\ndefault-http-versions: [HTTP/1.1]\n"
                    "disablePermitInsecure: true\n")
    assert handshake()[0::2] == ("TLSv1.3", "http/1.1")
    with pytest.raises((ssl.SSLError, OSError)):
        handshake(ssl.TLSVersion.TLSv1_2)
    moved = site.get(NAME, "/x")
    assert (moved.status, moved.headers["location"]) == (301, f"https://{NAME}/x")

    configure(site, "tls: {maximum-protocol-version: '1.2', cipher-suites: [ECDHE-ECDSA-AES256-GCM-SHA384]}\n")
    assert handshake()[:2] == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    with pytest.raises((ssl.SSLError, OSError)):
        handshake(ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")


def test_fingerprints_of_clients_reach_backends_where_they_are_taken(configured):
    site = configured
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    site.write("all.yaml", *backend_objects(site.backends["web"]), tls_secret("cert", authority.issue(NAME)),
               proxy(tls={"secretName": "cert"}))
    policy = ("policy: {request-headers: {set: {X-Ja3: '%TLS_JA3_FINGERPRINT%', X-Ja4: '%TLS_JA4_FINGERPRINT%'}}}\n")

    def fingerprints():
        site.backends["web"].asked.clear()
        assert site.get(NAME, tls=True).status == 200
        headers = site.backends["web"].asked[-1].headers
        return headers["X-Ja3"], headers["X-Ja4"]

    configure(site, policy)
    assert not any(re.fullmatch(r"[0-9a-f]{32}|t1[0-9a-z_]+", f or "") for f in fingerprints())
    configure(site, policy + "tls: {fingerprint: {ja3: true, ja4: true}}\n")
    ja3, ja4 = fingerprints()
    assert re.fullmatch(r"[0-9a-f]{32}", ja3) and ja4.startswith("t13d")


def test_roots_are_where_they_may_be(configured):
    site = configured
    configure(site, "portolan: {root-namespaces: [edge]}\n")
    assert site.get(NAME).status == 404
    problem, = site.pipeline.statuses()["HTTPProxy default/web"]["problems"]
    assert problem["reason"] == "RootNamespaceError/RootProxyNotAllowedInNamespace"
    configure(site, "portolan: {root-namespaces: [edge, default]}\n")
    assert site.get(NAME).status == 200
