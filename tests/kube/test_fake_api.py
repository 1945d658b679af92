"""The scripted API server (fake_api.py): its effect on a client is exactly the script's.

The clients here are curl (whose library the watcher uses) and plain sockets.
"""

import json
import re
import select
import socket
import ssl
import subprocess

import pytest

from certs import Authority
from fake_api import (
    Cut,
    FakeApi,
    Freeze,
    Gate,
    GoAway,
    Head,
    Pieces,
    Raw,
    ResetConnection,
    ResetStream,
    empty_cluster,
    refusal,
)
from kube_api import KubeApi
from kube_bytes import (
    INITIAL_EVENTS_END,
    JSON_WATCH,
    PROTOBUF,
    error_event,
    event,
    fields_of,
    list_body,
    open_envelope,
)

SERVICES = "/api/v1/services"
SERVICE = {"metadata": {"name": "web", "namespace": "default", "resourceVersion": "2"}}
# curl's exit statuses.
COULD_NOT_CONNECT, PARTIAL_FILE, TIMED_OUT, HTTP2_STREAM = 7, 18, 28, 92
# A reset finds it sending or receiving.
RESET = SEND_ERROR, RECEIVE_ERROR = 55, 56


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(params=["http/1.1", "tls http/1.1", "h2"])
def api(request, authority):
    """The server in each way of talking to it."""
    tls = {"certificate": authority.issue("127.0.0.1")} if request.param != "http/1.1" else {}
    with FakeApi(**tls, http2=request.param == "h2") as fake:
        fake.expected = request.param.rpartition(" ")[2]
        yield fake


@pytest.fixture
def curl(api, authority, tmp_path):
    """Start curl on paths of the server; its body comes unbuffered on stdout."""
    ca = tmp_path / "ca.crt"
    ca.write_text(authority.text)
    started = []

    def start(*paths, options=()):
        urls = [word for path in paths for word in ("-o", "-", api.url + path)]
        process = subprocess.Popen(
            ["curl", "-sN", "--max-time", "20", "--cacert", ca, "-w", "%{stderr}%{http_version} "]
            + [*options, *urls],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def result(process):
    """(exit status, body) of a curl."""
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_script_is_what_the_client_gets_and_the_request_is_kept(api, curl, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 100_000)
    api.on(SERVICES, [Head(200, "text/plain", (("x-test", "1"),)), b"one ", b"two"])
    options = ["-H", "X-Asked: yes", "-D", "-", "--data-binary", f"@{body}", "-X", "PUT"]
    status, out = result(curl(SERVICES + "?limit=500&a=", options=options))
    assert status == 0
    assert out.endswith(b"one two") and b"x-test: 1\r\n" in out
    request = api.wait_for(SERVICES, method="PUT", outcome="complete")
    assert request.query == {"limit": "500", "a": ""}
    assert request.headers["x-asked"] == "yes"
    assert request.body == b"x" * 100_000
    assert request.protocol == api.expected
    assert request.sent == 7


def test_client_that_is_refused_hears_when_to_come_back(api, curl):
    api.on(SERVICES, refusal(429, "TooManyRequests", "slow", [("retry-after", "3")]), times=1)
    status, out = result(curl(SERVICES, options=["-D", "-"]))
    assert status == 0
    assert b" 429" in out.split(b"\r\n")[0] and b"retry-after: 3\r\n" in out
    assert json.loads(out.partition(b"\r\n\r\n")[2])["reason"] == "TooManyRequests"
    # Once; then the empty cluster is back.
    assert json.loads(result(curl(SERVICES))[1])["items"] == []


def test_gate_holds_the_answer_until_the_test_lets_it_go(api, curl):
    gate = Gate()
    added = event(JSON_WATCH, "ADDED", "v1", "Service", SERVICE)
    gone = error_event(JSON_WATCH, 410, "Expired", "too old")
    api.on(SERVICES, [Head(content_type=JSON_WATCH), added, gate, gone], watch=True)
    process = curl(SERVICES + "?watch=true")
    assert process.stdout.readline() == added
    request = api.wait_for(SERVICES, watch=True)
    api.wait_until(lambda: request.sent == len(added))
    assert request.outcome is None
    gate.open()
    assert json.loads(process.stdout.readline())["object"]["code"] == 410
    assert result(process) == (0, b"")


def test_pieces_of_one_byte_one_step_each(api, curl):
    gate = Gate()
    api.on(SERVICES, [Pieces(b"abc", 1, gate)])
    process = curl(SERVICES)
    for sent, byte in enumerate((b"a", b"b", b"c"), 1):
        gate.step()
        assert process.stdout.read(1) == byte
        api.wait_until(lambda: api.requests[0].sent == sent)
    assert result(process) == (0, b"")


def test_each_piece_comes_apart_from_the_next(authority):
    """Over TLS a client reads one record at once, however busy the machine is."""
    with FakeApi(certificate=authority.issue("127.0.0.1"), http2=False) as api:
        api.on(SERVICES, [Head(length=300), Pieces(b"x" * 300, 1)])
        tls = ssl.create_default_context(cadata=authority.text)
        with socket.create_connection((api.host, api.port)) as raw:
            with tls.wrap_socket(raw, server_hostname=api.host) as client:
                client.sendall(b"GET %s HTTP/1.1\r\n\r\n" % SERVICES.encode())
                api.wait_for(SERVICES, outcome="complete")
                while b"\r\n\r\n" not in client.recv(4096):
                    pass
                assert [client.recv(4096) for _ in range(300)] == [b"x"] * 300


def test_body_shorter_than_promised(api, curl):
    api.on(SERVICES, [Head(length=100), b"short", Cut()])
    status, out = result(curl(SERVICES))
    assert out == b"short"
    # HTTP/1.1 names it; for HTTP/2 it is an error of the stream or of the connection.
    assert status in (PARTIAL_FILE, *RESET, HTTP2_STREAM)
    api.wait_for(SERVICES, outcome="cut")


def test_chunk_cut_short():
    with FakeApi() as api:
        api.on(SERVICES, [Head(), Raw(b"10\r\nhalf"), Cut()])
        process = subprocess.run(
            ["curl", "-sN", api.url + SERVICES], stdout=subprocess.PIPE, timeout=60, check=False
        )
        assert (process.returncode, process.stdout) == (PARTIAL_FILE, b"half")


def test_answer_without_end(api, curl):
    """It goes on for as long as the client reads, and ends when that leaves."""

    def endless(_request):
        yield Head(content_type=JSON_WATCH)
        while True:
            yield b"x" * 16384

    api.on(SERVICES, endless)
    process = curl(SERVICES)
    assert process.stdout.read(2_000_000) == b"x" * 2_000_000
    request = api.wait_for(SERVICES)
    api.wait_until(lambda: request.sent >= 2_000_000)
    assert request.outcome is None
    process.kill()
    api.wait_for(SERVICES, outcome="gone")
    # A client that does not read is not sent without bound: the server waits for it.
    assert request.sent < 50_000_000


def test_connection_that_is_reset(api, curl):
    api.on(SERVICES, [b"x", ResetConnection()])
    process = curl(SERVICES)
    assert result(process)[0] in RESET
    api.wait_for(SERVICES, outcome="reset")


def test_reset_is_one_of_tcp():
    with FakeApi() as api:
        api.on(SERVICES, [b"x", ResetConnection()])
        with socket.create_connection((api.host, api.port)) as client:
            client.sendall(b"GET %s HTTP/1.1\r\n\r\n" % SERVICES.encode())
            with pytest.raises(ConnectionResetError):
                while client.recv(4096):
                    pass


def test_stream_that_is_reset_leaves_the_others(authority, tmp_path):
    with FakeApi(certificate=authority.issue("127.0.0.1")) as api:
        gate = Gate()
        api.on("/one", [b"x", ResetStream()])
        api.on("/two", [b"two", gate, b" done"])
        process = parallel(api, authority, tmp_path, "/one", "/two")
        api.wait_for("/one", outcome="reset")
        api.wait_for("/two")
        gate.open()
        process.wait(60)
        assert (tmp_path / "two").read_bytes() == b"two done"
        assert api.connections == 1
        api.wait_for("/two", outcome="complete")


def parallel(api, authority, tmp_path, *paths):
    """curl for all paths at once over one HTTP/2 connection, each into a file of its name."""
    (tmp_path / "ca").write_text(authority.text)
    run = ["curl", "-sN", "--http2", "-Z", "--max-time", "20", "--cacert", tmp_path / "ca"]
    for path in paths:
        run += ["-o", tmp_path / path[1:], api.url + path]
    return subprocess.Popen(run)


@pytest.mark.parametrize("goodbye, connections", [([], 1), ([GoAway()], 2)])
def test_goodbye_lets_an_answer_end_and_takes_no_more(authority, tmp_path, goodbye, connections):
    with FakeApi(certificate=authority.issue("127.0.0.1")) as api:
        gate = Gate()
        api.on("/one", [b"one", *goodbye, gate, b" done"])
        (tmp_path / "ca").write_text(authority.text)
        # One after the other, and over the same connection if possible.
        run = ["curl", "-sN", "--http2", "--max-time", "20", "--cacert", tmp_path / "ca"]
        process = subprocess.Popen(
            [*run, api.url + "/one", api.url + "/version"], stdout=subprocess.PIPE
        )
        assert process.stdout.read(3) == b"one"
        gate.open()
        status, out = result(process)
        assert status == 0
        assert out.startswith(b" done{")
        assert api.connections == connections


def test_frozen_connection_says_nothing_more(api, curl):
    api.on(SERVICES, [b"x", Freeze(), b"never"])
    process = curl(SERVICES)
    assert process.stdout.read(1) == b"x"
    api.wait_for(SERVICES, outcome="frozen")
    assert select.select([process.stdout], [], [], 0.5)[0] == []
    assert process.poll() is None


def test_mute_server_takes_connections_only(api, curl):
    api.mute = True
    process = curl(SERVICES, options=["--max-time", "0.5"])
    assert result(process)[0] == TIMED_OUT
    api.wait_until(lambda: api.connections == 1)
    assert api.requests == []


def test_server_that_goes_and_comes_back_keeps_its_port(api, curl):
    process = curl(SERVICES + "?watch=true")
    api.wait_for(SERVICES, watch=True)
    api.go_away()
    assert result(process)[0] != 0
    assert result(curl(SERVICES))[0] == COULD_NOT_CONNECT
    api.come_back()
    assert result(curl(SERVICES))[0] == 0


def test_connections_that_are_dropped(api, curl):
    process = curl(SERVICES + "?watch=true")
    api.wait_for(SERVICES, watch=True)
    api.drop_connections()
    assert result(process)[0] in RESET
    api.wait_for(SERVICES, watch=True, outcome="gone")


def test_client_is_known_by_its_certificate(authority, tmp_path):
    clients = Authority("clients")
    _, chain, key = clients.write(tmp_path / "client", "robin")
    server = authority.issue("127.0.0.1")
    with FakeApi(certificate=server, client_ca=clients.text) as api:
        tls = ssl.create_default_context(cadata=authority.text)
        tls.load_cert_chain(chain, key)

        def connect():
            return socket.create_connection((api.host, api.port))

        client = KubeApi(connect, tls, api.host)
        assert client.request("GET", "/version").status == 200
        assert api.requests[0].user == "robin"
        client.close()


def test_empty_cluster_answers_as_a_real_one(api, curl):
    accept = f"Accept: {PROTOBUF},application/json"
    status, out = result(curl(SERVICES, options=["-H", accept]))
    kind, raw = open_envelope(out)
    assert (status, kind) == (0, "ServiceList")
    assert dict(fields_of(raw)).keys() == {1}
    # The same as our own words for an empty list.
    assert out == list_body(PROTOBUF, "v1", "Service")
    process = curl(SERVICES + "?watch=1&sendInitialEvents=true")
    first = json.loads(process.stdout.readline())
    assert first["type"] == "BOOKMARK"
    assert first["object"]["metadata"]["annotations"] == {INITIAL_EVENTS_END: "true"}
    status, out = result(curl("/apis/projectcontour.io/v1/httpproxies"))
    assert (status, json.loads(out)["code"]) == (0, 404)


def test_script_that_fails_fails_the_test():
    api = FakeApi()

    def broken(request):
        yield b"x"
        raise KeyError(request.path)

    api.on(SERVICES, broken)
    subprocess.run(["curl", "-s", api.url + SERVICES], stdout=subprocess.PIPE, check=False)
    api.wait_for(SERVICES, outcome="error")
    with pytest.raises(KeyError, match=re.escape(SERVICES)):
        api.close()


def test_server_in_a_namespace(netns):
    with FakeApi(host="10.1.2.3", listen=netns.listen) as api:
        ask = ["curl", "--silent", f"{api.url}{SERVICES}"]
        assert json.loads(netns.run(ask).stdout)["kind"] == "ServiceList"
        assert subprocess.run(ask, check=False, timeout=60).returncode == COULD_NOT_CONNECT
        api.go_away()
        api.come_back()
        assert json.loads(netns.run(ask).stdout)["kind"] == "ServiceList"


def test_script_may_fall_back_to_the_empty_cluster():
    with FakeApi() as api:
        def once_slow(request):
            yield from empty_cluster(request)

        api.on(SERVICES, once_slow)
        done = subprocess.run(
            ["curl", "-s", api.url + SERVICES], stdout=subprocess.PIPE, check=True, timeout=60
        )
        assert json.loads(done.stdout)["kind"] == "ServiceList"
