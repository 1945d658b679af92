"""The Service that answers instead: default-backend and custom-http-errors. Changes of answers, and
copies of requests."""

import re

import pytest

from certs import Authority
from events import Growing
from nginx import SETTINGS, World, nginx
from objects import path, port, service, tls_secret
from stage_fixtures import Site


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    return found


def test_default_backend_without_endpoints(world):
    world.write(service(f"{world.name}-empty", port(80)),
                nginx("a", world.host, path(f"{world.name}-empty"), default_backend=f"{world.name}-echo"))
    assert world.served("/some/path") == "echo"
    seen = world.seen("/some/path", headers={"Accept": "text/x"})
    assert seen.path == "/some/path"
    assert {n: seen.headers[n] for n in ("X-Code", "X-Format", "X-Namespace", "X-Ingress-Name", "X-Service-Name",
                                         "X-Service-Port")} == {
        "X-Code": "503", "X-Format": "text/x", "X-Namespace": "default", "X-Ingress-Name": f"{world.name}-a",
        "X-Service-Name": f"{world.name}-empty", "X-Service-Port": "80"}


def test_default_backend_of_a_missing_service(world):
    world.write(nginx("a", world.host, path(f"{world.name}-absent"), default_backend=f"{world.name}-echo"))
    assert world.served() == "echo"


def test_default_backend_is_not_asked_while_there_are_endpoints(world):
    world.backend("errors")
    world.write(nginx("a", world.host, default_backend=f"{world.name}-errors"))
    assert world.served() == "echo"


def test_a_default_backend_without_endpoints_is_passed_over(world):
    world.write(service(f"{world.name}-empty", port(80)),
                nginx("a", world.host, path(f"{world.name}-empty"), default_backend=f"{world.name}-empty"))
    assert world.served() == 503


def failing(world, status=404, page=404):
    world.backend("bad", reply=lambda asked: (status, ()))
    world.backend("errors", reply=lambda asked: (page, [("X-Page", "yes")]))


def test_custom_errors_of_the_backend(world):
    failing(world)
    world.write(nginx("a", world.host, path("bad"), custom_http_errors="404,503", default_backend=f"{world.name}-errors"))
    answer = world.get("/some/path?a=b", headers={"Accept": "text/x"})
    assert (answer.status, answer.headers["x-page"], answer.backend) == (404, "yes", f"{world.name}-errors")
    seen = world.backends["errors"].asked[-1]
    assert seen.path.split("?")[0] == "/"
    assert (seen.headers["X-Code"], seen.headers["X-Format"], seen.headers["X-Namespace"],
            seen.headers["X-Service-Name"], seen.headers["Host"]) == (
        "404", "text/x", "default", f"{world.name}-bad", world.host)


@pytest.mark.parametrize("text, page", [
    ("return 404;", "404"),
    ("deny all;", "403"),
    ("if ($arg_x = 1) { return 403; } return 404; ", "403"),
    ("return 403 text;", None),
    ("return 410;", None),
    ("return 444;", None),
])
def test_custom_errors_of_a_snippet(world, text, page):
    world.backend("errors", reply=lambda asked: (int(asked.headers["X-Code"]), [("X-Page", "yes")]))
    world.write(nginx("a", world.host, custom_http_errors="403,404", default_backend=f"{world.name}-errors",
                      configuration_snippet=text))
    answer = world.get("/some/path?x=1")
    assert answer.headers.get("x-page") == (page and "yes")
    if page:
        assert (str(answer.status), world.backends["errors"].asked[-1].headers["X-Code"]) == (page, page)


def test_other_codes_are_passed_on(world):
    failing(world, 418)
    world.write(nginx("a", world.host, path("bad"), custom_http_errors="404,503", default_backend=f"{world.name}-errors"))
    assert world.get().backend == f"{world.name}-bad"


def test_custom_errors_of_the_proxy_itself(world):
    failing(world, 403, page=200)
    world.write(nginx("a", world.host, custom_http_errors="403", default_backend=f"{world.name}-errors",
                      denylist_source_range="127.0.0.0/8"))
    answer = world.get()
    assert (answer.status, answer.backend) == (200, f"{world.name}-errors")


def test_the_page_of_a_body_that_is_too_large(world, authority):
    """It is asked for before the body has come, and does not get it. The request says how long its body is, and sends none."""
    failing(world, page=200)
    large, errors = {"Content-Length": "11", "Accept": "text/x"}, f"{world.name}-errors"
    more = {"custom_http_errors": "413", "proxy_body_size": "10", "ssl_redirect": "false"}
    world.write(nginx("a", world.host, default_backend=errors, tls=[(f"{world.name}-cert", world.host)], **more),
                nginx("shared", f"shared.{world.host}", default_backend=errors, **more),
                service(f"{world.name}-empty", port(80)),
                nginx("empty", f"empty.{world.host}", default_backend=f"{world.name}-empty", **more),
                nginx("off", f"off.{world.host}", default_backend=errors, disable_proxy_intercept_errors="true", **more),
                tls_secret(f"{world.name}-cert", authority.issue(world.host)))
    for tls, host in ((False, world.host), (True, world.host), (True, f"shared.{world.host}")):
        answer = world.get("/some/path?a=b", host, tls=tls, headers=large)
        assert (answer.status, answer.headers["x-page"], answer.backend) == (200, "yes", errors)
        assert ("strict-transport-security" in answer.headers) == tls
        seen = world.backends["errors"].asked[-1]
        assert seen.path == "/" and "Content-Length" not in seen.headers
        assert {n: seen.headers[n] for n in ("X-Code", "X-Format", "X-Original-URI", "X-Namespace", "X-Service-Name", "Host")} == {
            "X-Code": "413", "X-Format": "text/x", "X-Original-URI": "/some/path?a=b", "X-Namespace": "default",
            "X-Service-Name": f"{world.name}-echo", "Host": host}
        assert world.served(host=host, tls=tls) == "echo"
    for host in (f"empty.{world.host}", f"off.{world.host}"):
        assert world.served(host=host, headers=large) == 413


def test_intercepting_can_be_off(world):
    failing(world)
    world.write(nginx("a", world.host, path("bad"), custom_http_errors="404", default_backend=f"{world.name}-errors",
                      disable_proxy_intercept_errors="true"))
    assert world.get().backend == f"{world.name}-bad"


def test_bad_codes_leave_the_ingress_unserved(world):
    world.write(nginx("a", world.host, custom_http_errors="404,200", default_backend=f"{world.name}-echo"))
    assert world.served() == 404


ADDRESS = [("Location", "http://inside.test/app/x"), ("Refresh", "5; url=http://inside.test/app/y"),
           ("Set-Cookie", "a=b; Path=/app/x; Domain=.Inside.test; HttpOnly"), ("Set-Cookie", "c=d")]


def test_cookies_and_redirects_are_rewritten(world):
    world.backend("app", reply=lambda asked: (200, ADDRESS))
    world.write(nginx("a", world.host, path("app"), proxy_redirect_from="http://inside.test/app/",
                      proxy_redirect_to="http://outside.test/", proxy_cookie_path="/app/ /", proxy_cookie_domain="inside.test out.test"))
    answer = world.get()
    assert answer.headers["location"] == "http://outside.test/x"
    assert answer.headers["refresh"] == "5; url=http://outside.test/y"
    assert answer.cookies == ["a=b; Path=/x; Domain=out.test; HttpOnly", "c=d"]


@pytest.mark.parametrize("annotations", [
    {"proxy_redirect_from": "off", "proxy_redirect_to": "http://x/"}, {"proxy_redirect_from": "http://inside.test/"},
    {"proxy_cookie_path": "off"}, {"proxy_cookie_domain": "one"}])
def test_answers_that_stay_as_they_are(world, annotations):
    world.backend("app", reply=lambda asked: (200, ADDRESS))
    world.write(nginx("a", world.host, path("app"), **annotations))
    answer = world.get()
    assert answer.headers["location"] == "http://inside.test/app/x"
    assert answer.cookies == ["a=b; Path=/app/x; Domain=.Inside.test; HttpOnly", "c=d"]


def test_copies(world):
    copies = world.backend("copies")
    world.write(nginx("a", world.host, mirror_target=f"http://{world.name}-copies.default.svc.cluster.local$request_uri"),
                nginx("b", f"b.{world.host}", mirror_host="other.test",
                      mirror_target=f"http://{world.name}-copies.default.svc/$request_uri"))
    assert world.served("/a?b=c", headers={"X-A": "1"}) == "echo"
    [seen] = copies.wait_asked(1)
    assert (seen.path, seen.headers["Host"], seen.headers["X-A"]) == (
        "/a?b=c", f"{world.name}-copies.default.svc.cluster.local", "1")
    assert world.served("/d", host=f"b.{world.host}") == "echo"
    assert copies.wait_asked(2)[-1].headers["Host"] == "other.test"


@pytest.mark.parametrize("target", ["ftp://x.test", "http://127.0.0.1:1$request_uri", "nowhere"])
def test_copies_that_go_nowhere(world, target):
    world.write(nginx("a", world.host, mirror_target=target))
    assert world.served() == "echo"


def test_a_connection_for_each_request(world):
    world.write(nginx("a", world.host, connection_proxy_header="close"))
    before = world.backends["echo"].closed
    world.get(), world.get()
    world.backends["echo"].wait_closed(before + 2)


def test_limited_rate(world):
    world.write(nginx("a", world.host, limit_rate="1000", proxy_buffering="on"))
    assert world.served() == "echo"


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": "default"}, "stringData": data}


@pytest.fixture(scope="module")
def authority():
    return Authority()


def behind_tls(world, authority, *names):
    """A backend over TLS that demands a certificate, and a Secret with one."""
    world.backend("tls", certificate=authority.issue(*names), clients=authority.text)
    shown = authority.issue("client.test")
    return secret(f"{world.name}-shown", **{"ca.crt": authority.text, "tls.crt": shown.chain, "tls.key": shown.key})


@pytest.mark.parametrize("annotations, expected", [
    ({}, "tls"),
    ({"proxy_ssl_verify": "on", "proxy_ssl_name": "inside.test"}, "tls"),
    ({"proxy_ssl_verify": "on", "proxy_ssl_name": "other.test"}, 503),
    ({"proxy_ssl_protocols": "TLSv1.2 TLSv1.3"}, "tls"),
    ({"proxy_ssl_protocols": "TLSv1.3"}, "tls"),
    ({"proxy_ssl_ciphers": "HIGH:!aNULL"}, "tls"),
])
def test_certificates_to_the_backend(world, authority, annotations, expected):
    world.write(behind_tls(world, authority, "inside.test"),
                nginx("a", world.host, path("tls"), backend_protocol="HTTPS",
                      proxy_ssl_secret=f"default/{world.name}-shown", **annotations))
    assert world.served() == expected


def test_a_missing_secret_for_the_backend_closes_the_path(world, authority):
    behind_tls(world, authority, "inside.test")
    world.write(nginx("a", world.host, path("tls"), backend_protocol="HTTPS", proxy_ssl_secret="default/absent"))
    assert world.served() == 503


def test_other_paths_of_the_host_inherit_the_secret(world, authority):
    world.write(behind_tls(world, authority, "inside.test"),
                nginx("a", world.host, path("tls"), backend_protocol="HTTPS", created="2020-01-01T00:00:00Z",
                      proxy_ssl_secret=f"default/{world.name}-shown"),
                nginx("b", world.host, path("tls", at="/b"), backend_protocol="HTTPS", created="2021-01-01T00:00:00Z"))
    assert world.served("/b") == "tls"


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_access_logs_of_paths_can_be_off(folder, which):
    (folder / "config.yaml").write_text(SETTINGS)
    (folder / "portolan").mkdir()
    (folder / "log").touch()
    site = Site(folder, watcher=("--config", folder / "config.yaml"), translator=("--access-log", folder / "log"))
    with site.pipeline, Growing(folder / "log") as log:
        world = World(site.start(which), "logs")
        world.backend("echo")
        world.write(nginx("a", world.host, "/loud"), nginx("b", world.host, "/quiet", enable_access_log="false"))
        assert (world.served("/quiet"), world.served("/loud")) == ("echo", "echo")
        log.wait_for("/loud")
        assert "/quiet" not in log.text
        site.envoy.close()
