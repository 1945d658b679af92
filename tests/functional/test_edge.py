"""What Envoy accepts from clients: each row of its guide for the edge, by a request
(docs/understand/edge.md)."""

import socket

import pytest

from h2_client import H2Client
from objects import ingress, path, port, rule, service, slice_of

HOST = "web.example.com"


def settings(**edge):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": {"portolan": {"edge": edge}}}


@pytest.fixture(params=["newest", "oldest"])
def edge(site, request):
    site.start(request.param)
    for name in ("web", "admin"):
        backend = site.backend(name)
        site.write(f"{name}.yaml", service(name, port(80, target=backend.port)),
                   slice_of(name, backend.port, backend.address),
                   ingress(name, rule(HOST, path(name, at="/admin" if name == "admin" else "/"))))
    return site


def raw(site, request, timeout=10):
    """Everything received until Envoy closes."""
    with socket.create_connection((site.address, 8080), timeout=timeout) as s:
        s.sendall(request)
        answer = b""
        while more := s.recv(4096):
            answer += more
    return answer


def test_escaped_slashes_do_not_lead_around_a_path(edge):
    # By default the client is redirected to the normalised path.
    moved = edge.get(HOST, "/x%2f..%2fadmin?a=%2F")
    assert (moved.status, moved.headers["location"]) == (307, "/admin?a=%2F")
    assert edge.get(HOST, "/x%5c..%5Cadmin").status == 307
    assert edge.get(HOST, "/x?to=%2f").status == 200
    for word, at, wanted in (("reject", "/x%2f..%2fadmin", 400), ("unescape-and-forward", "/x%2f..%2fadmin", "admin"),
                             ("keep", "/x%2f..%2fadmin", "web")):
        edge.write("settings.yaml", settings(escapedSlashes=word))
        got = edge.get(HOST, at)
        assert (got.backend if got.status == 200 else got.status) == wanted, word


def test_headers_with_underscores_do_not_pass_for_others(edge):
    assert edge.get(HOST, headers={"X_User": "root", "X-Real": "1"}).status == 200
    asked = edge.backends["web"].asked[-1].headers
    assert "x_user" not in asked and asked["x-real"] == "1"
    edge.write("settings.yaml", settings(headersWithUnderscores="reject"))
    assert edge.get(HOST, headers={"X_User": "root"}).status == 400
    edge.write("settings.yaml", settings(headersWithUnderscores="allow"))
    assert edge.get(HOST, headers={"X_User": "root"}).status == 200
    assert edge.backends["web"].asked[-1].headers["x_user"] == "root"


def test_headers_that_do_not_come_end_the_request(edge):
    edge.write("settings.yaml", settings(requestHeadersTimeout="50ms"))
    assert raw(edge, f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("offer", ["TLS/1.2", "TLS/1.3, TLS/1.2", "tls/1.0", "h2c", "HTTP/2.0"])
def test_an_offer_to_upgrade_that_nobody_takes_is_passed_over(edge, offer):
    got = edge.get(HOST, headers={"Connection": "Upgrade", "Upgrade": offer})
    assert (got.status, got.backend) == (200, "web")


def test_an_upgrade_that_must_be_allowed_is_still_refused(edge):
    assert edge.get(HOST, headers={"Connection": "Upgrade", "Upgrade": "websocket"}).status == 403


def envoy_settings(**parts):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"}, "spec": {"envoy": parts}}


def test_paths_are_normalized_and_slashes_merged(edge):
    for at in ("/a/../admin", "//admin", "/./admin", "/%61dmin", "/a/%2e%2e/admin"):
        assert edge.get(HOST, at).backend == "admin", at
    edge.write("settings.yaml", envoy_settings(listener={"disableMergeSlashes": True}))
    assert edge.get(HOST, "//admin").backend == "web"


def test_what_a_client_says_of_its_address_is_not_believed(edge):
    only = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "only", "namespace": "default"},
            "spec": {"virtualhost": {"fqdn": "only.example.com", "ipAllowPolicy": [{"source": "Remote", "cidr": "192.0.2.1/32"}]},
                     "routes": [{"services": [{"name": "web", "port": 80}]}]}}
    edge.write("only.yaml", only)
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    assert edge.get("only.example.com", headers=forged).status == 403
    assert edge.get(HOST, headers=forged).status == 200
    asked = edge.backends["web"].asked[-1].headers
    assert asked["x-forwarded-for"].startswith("192.0.2.1,") and asked["x-forwarded-proto"] == "http"
    # The setting's number of proxies is believed.
    edge.write("settings.yaml", envoy_settings(network={"numTrustedHops": 1}))
    assert edge.get("only.example.com", headers=forged).status == 200


def test_a_connection_without_requests_is_closed(edge):
    edge.write("settings.yaml", envoy_settings(timeouts={"connectionIdleTimeout": "50ms"}))
    assert raw(edge, b"") == b""
    assert raw(edge, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("timeout", ["requestTimeout", "streamIdleTimeout"])
def test_a_body_that_does_not_come_ends_the_request(edge, timeout):
    edge.write("settings.yaml", envoy_settings(timeouts={timeout: "50ms"}))
    assert raw(edge, f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\n".encode()).startswith(b"HTTP/1.1 408 ")


def test_streams_and_windows_of_http_2_are_bounded(edge):
    client = H2Client(edge.address, 8080)
    assert client.get("http", HOST, "/")[0] == 200
    assert client.h2.remote_settings.max_concurrent_streams == 100
    assert client.h2.remote_settings.initial_window_size == 65536
    assert client.h2.outbound_flow_control_window == 1 << 20
    client.close()
    edge.write("settings.yaml", envoy_settings(listener={"httpMaxConcurrentStreams": 7}))
    client = H2Client(edge.address, 8080)
    assert client.get("http", HOST, "/")[0] == 200
    assert client.h2.remote_settings.max_concurrent_streams == 7
    client.close()


def test_connections_of_a_listener_have_a_limit(edge):
    edge.write("settings.yaml", envoy_settings(listener={"maxConnectionsPerListener": 1}))
    first = edge.client.connect(HOST)
    assert edge.client.on(first, HOST).status == 200
    with socket.create_connection((edge.address, 8080), timeout=10) as second:
        assert second.recv(1) == b""
    assert edge.client.on(first, HOST).status == 200
    first.close()
