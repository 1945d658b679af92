"""How ingress-nginx's backends are spoken to: slow ones, gRPC, the client's scheme, many endpoints."""

import collections
import re
import socket
import ssl
import threading
import time

import pytest

from certs import Authority
from h2_backend import H2Backend
from h2_client import H2Client
from nginx import World, config_map, nginx
from objects import path, port, service, slice_of, tls_secret


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    yield found
    nginx_site.remove(f"{found.name}.yaml")


class Slow:
    """Says nothing, or a byte each `pause` seconds for `count` times."""

    def __init__(self, address, count, pause):
        self.socket = socket.create_server((address, 0))
        self.port = self.socket.getsockname()[1]
        self.count, self.pause = count, pause
        self.ended = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def serve(self, connection):
        with connection:
            try:
                connection.recv(4096)
                if self.count:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.count)
                for _ in range(self.count):
                    self.ended.wait(self.pause)
                    connection.sendall(b".")
                self.ended.wait(60)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.socket.close()


def behind(world, number, *more, **annotations):
    name = f"{world.name}-own"
    world.write(service(name, port(80, target=number)), slice_of(name, number, world.site.address), *more,
                nginx("a", world.host, path(name), **annotations))


@pytest.mark.parametrize("more", [{"proxy_send_timeout": "1", "proxy_next_upstream_tries": "1"}, {},
                                  {"proxy_next_upstream": "off"}])
def test_a_backend_that_says_nothing(world, more):
    with Slow(world.site.address, 0, 0) as slow:
        behind(world, slow.port, proxy_read_timeout="1", **more)
        before = time.monotonic()
        assert world.get().status == 504
        # The client waits for 10 s, and Envoy for 60 s unless told otherwise.
        assert time.monotonic() - before > 0.9


@pytest.mark.parametrize("more", [{"proxy_send_timeout": "2"}, {}])
def test_a_long_answer_is_not_cut(world, more):
    with Slow(world.site.address, 5, 0.5) as slow:
        behind(world, slow.port, proxy_read_timeout="2", **more)
        answer = world.get()
        assert (answer.status, answer.body) == (200, ".....")


def test_a_backend_that_is_not_there(world):
    with Slow(world.site.address, 0, 0) as slow:
        number = slow.port
    behind(world, number)
    assert world.get().status in (502, 503)


@pytest.mark.parametrize("word", ["GRPC", "grpc"])
def test_grpc(world, authority, word):
    called = H2Backend(f"{world.name}-own", world.site.address, grpc=True)
    try:
        behind(world, called.port, tls_secret(f"{world.name}-cert", authority.issue(world.host)), backend_protocol=word)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        for number, tls in ((8080, None), (8443, context)):
            client = H2Client(world.site.address, number, tls, world.host if tls else None)
            status, headers, _ = client.get("https" if tls else "http", world.host, "/pkg.Service/Call", "POST",
                                            [("content-type", "application/grpc"), ("te", "trailers")])
            client.close()
            assert (status, headers.get("grpc-status")) == (200, "0"), headers
        assert {h[":authority"] for h in called.asked} == {world.host}
    finally:
        called.close()


def test_the_scheme_of_the_client(world, authority):
    world.backend("plain")
    tls = world.site.backend(f"{world.name}-tls", certificate=authority.issue("inside.test"))
    name = f"{world.name}-own"
    plain = world.backends["plain"]
    objects = [tls_secret(f"{world.name}-cert", authority.issue(world.host)), service(name, port(80, target=plain.port))]
    entry = nginx("a", world.host, path(name), tls=[(f"{world.name}-cert", world.host)], ssl_redirect="false",
                  backend_protocol="AUTO_HTTP")
    world.write(*objects, slice_of(name, plain.port, plain.address), entry)
    assert world.get().backend == f"{world.name}-plain"
    world.write(*objects, slice_of(name, tls.port, tls.address), entry)
    assert world.get(tls=True).backend == f"{world.name}-tls"


@pytest.mark.parametrize("words, method, tries", [
    ("error http_503", "GET", 2), ("error http_503", "POST", 1), ("error http_503 non_idempotent", "POST", 2),
    (None, "GET", 1), ("off", "GET", 1)])
def test_tries(world, words, method, tries):
    """The first answer is 503."""
    backend = world.backends["echo"]
    backend.reply = lambda asked: (503 if len(backend.asked) == 1 else 200, [])
    world.write(nginx("a", world.host, **({"proxy_next_upstream": words} if words else {})))
    connection = world.site.client.connect(world.host)
    connection.request(method, "/", headers={"Host": world.host})
    assert connection.getresponse().status == (200 if tries == 2 else 503)
    connection.close()
    assert len(backend.asked) == tries


@pytest.mark.parametrize("words, method, tries", [
    ("error http_502", "GET", 2), ("error http_502", "POST", 1), ("error non_idempotent", "GET", 2),
    ("error non_idempotent", "POST", 2), ("http_502", "GET", 1), ("off", "GET", 1)])
def test_tries_after_a_connection_that_broke(world, words, method, tries):
    """The backend closes the first connection, instead of an answer."""
    backend = world.backends["echo"]

    def reply(asked):
        if len(backend.asked) == 1:
            raise ConnectionAbortedError
        return 200, []

    backend.reply = reply
    world.write(nginx("a", world.host, proxy_next_upstream=words))
    connection = world.site.client.connect(world.host)
    connection.request(method, "/", headers={"Host": world.host})
    assert connection.getresponse().status == (200 if tries == 2 else 503)
    connection.close()
    assert len(backend.asked) == tries


@pytest.mark.parametrize("value, tries", [("1", 1), ("2", 2), ("0", 10)])
def test_how_many_tries(world, value, tries):
    backend = world.backends["echo"]
    backend.reply = lambda asked: (503, [])
    world.write(nginx("a", world.host, proxy_next_upstream="http_503", proxy_next_upstream_tries=value))
    assert (world.get().status, len(backend.asked)) == (503, tries)


@pytest.mark.parametrize("lines, size, status", [(75, 1010, 200), (85, 1010, 502), (90, 1, 200), (110, 1, 502)])
def test_headers_of_an_answer(world, lines, size, status):
    """80 KiB, whatever proxy-buffer-size says, and 100 lines."""
    world.backends["echo"].reply = lambda asked: (200, [(f"X-Own-{i:03}", "v" * size) for i in range(lines)])
    world.write(nginx("a", world.host, proxy_buffer_size="4k"))
    assert world.get().status == status


def test_endpoints_take_turns(world):
    name = f"{world.name}-own"
    backends = [world.site.backend(f"{world.name}-{i}") for i in range(3)]
    world.write(service(name, port(80, target=80)),
                *(slice_of(name, b.port, b.address, suffix=str(i)) for i, b in enumerate(backends)),
                nginx("a", world.host, path(name)))
    served = collections.Counter(world.get().backend for _ in range(90))
    assert len(served) == 3 and min(served.values()) >= 15, served


@pytest.mark.parametrize("keys, annotations, backend", [
    ({}, {"service_upstream": "true"}, "cluster"), ({"service-upstream": "true"}, {}, "cluster"),
    ({"service-upstream": "true"}, {"service_upstream": "false"}, "pod"), ({}, {}, "pod")])
def test_the_address_of_the_service(world, keys, annotations, backend):
    cluster, pod = (world.site.backend(f"{world.name}-{n}") for n in ("cluster", "pod"))
    name = f"{world.name}-own"
    world.write(config_map("controller", keys, "ingress-nginx"),
                service(name, port(cluster.port, target=pod.port), clusterIP=cluster.address),
                slice_of(name, pod.port, pod.address), nginx("a", world.host, path(name, cluster.port), **annotations))
    assert world.get().backend == f"{world.name}-{backend}"


@pytest.mark.parametrize("limit, size, status", [
    ({"client_body_buffer_size": "1k"}, 900 << 10, 200), ({}, 2 << 20, 413), ({}, 900 << 10, 200), ({"proxy_body_size": "8m"}, 9 << 20, 413),
    ({"proxy_body_size": "8m"}, 7 << 20, 200), ({"proxy_body_size": "0"}, 20 << 20, 200),
    ({"proxy_body_size": "99999999999g"}, 2 << 20, 200), ({"proxy_body_size": "20000000000000000000"}, 1 << 10, 200),
    ({"proxy_body_size": "15r"}, 2 << 20, 413), ({"proxy_body_size": "15r"}, 900 << 10, 200)])
def test_sizes_of_bodies(world, limit, size, status):
    world.write(nginx("a", world.host, **limit))
    connection = world.site.client.connect(world.host)
    try:
        connection.request("POST", "/", body=b"x" * size, headers={"Host": world.host})
    except OSError:
        pass  # it answers before it has read all
    try:
        assert connection.getresponse().status == status
    finally:
        connection.close()
