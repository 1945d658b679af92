"""External authorization: the request to the service, and the effect of its answer."""

import re

import pytest

from certs import Authority
from nginx import World, config_map, nginx, redirect
from objects import tls_secret


@pytest.fixture
def world(nginx_sites, request):
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:44].strip("-")
    found = World(nginx_sites, name)
    found.backend("echo")
    return found


def gate(asked):
    """Admits requests with X-Ok; answers others as X-Want says."""
    if asked.headers.get("X-Ok"):
        return 200, [("X-User", "alice"), ("Set-Cookie", "sid=1; Path=/"), ("Set-Cookie", "two=2")]
    status = int(asked.headers.get("X-Want", "401"))
    return status, [("WWW-Authenticate", "Bearer"), ("Set-Cookie", "state=x"), ("Location", "/elsewhere")]


def guarded(world, *paths, reply=gate, url=None, **annotations):
    """An Ingress with a Service of this test as auth-url."""
    world.backend("auth", reply)
    url = url or f"http://{world.name}-auth.default.svc.cluster.local/check?x=1"
    return nginx("a", world.host, *paths, auth_url=url, **annotations)


def test_the_question_and_the_answer(world):
    world.write(guarded(world))
    assert world.served("/a?b=c") == 401
    assert world.get("/a?b=c").headers["www-authenticate"] == "Bearer"
    assert world.served("/a?b=c", headers={"X-Ok": "1"}) == "echo"
    asked = world.seen("/a?b=c", backend="auth", headers={
        "X-Ok": "1", "X-Own": "kept", "X-Forwarded-Proto": "gopher", "Authorization": "Bearer t"})
    assert asked.path == "/check?x=1"
    expected = {"Host": f"{world.name}-auth.default.svc.cluster.local", "X-Original-Method": "GET",
                "X-Original-URL": f"http://{world.host}/a?b=c", "X-Sent-From": "nginx-ingress-controller",
                "X-Real-IP": world.site.address, "X-Forwarded-For": world.site.address,
                "X-Auth-Request-Redirect": "/a?b=c", "X-Own": "kept", "Authorization": "Bearer t",
                "X-Forwarded-Proto": None, "Content-Length": None, "X-Original-URI": None}
    found = {k: asked.headers[k] for k in expected}
    assert found == {**expected, "X-Real-IP": found["X-Real-IP"], "X-Forwarded-For": found["X-Real-IP"]}
    assert found["X-Real-IP"].startswith("127."), found
    assert asked.headers["X-Request-Id"] == world.seen("/", headers={
        "X-Ok": "1", "X-Request-Id": asked.headers["X-Request-Id"]}).headers["X-Request-Id"]


@pytest.mark.parametrize("answer, status", [(201, "echo"), (299, "echo"), (403, 403), (302, 500), (404, 500),
                                            (500, 500), (503, 500)])
def test_statuses_of_the_service(world, answer, status):
    world.write(guarded(world, reply=lambda asked: (answer, [("Location", "http://evil.test/")])))
    found = world.get()
    assert (found.backend or "").removeprefix(world.name + "-") == "echo" if status == "echo" else found.status == status
    assert "location" not in found.headers


def test_a_service_that_is_away_is_500(world):
    world.write(guarded(world))
    world.backends["auth"].close()
    assert world.served(headers={"X-Ok": "1"}) == 500


def test_bodies_are_not_sent_and_methods_are(world):
    world.write(guarded(world, "/", auth_method="POST"))
    connection = world.site.client.connect(world.host)
    try:
        connection.request("PUT", "/x", body=b"secret", headers={"Host": world.host, "X-Ok": "1"})
        assert connection.getresponse().status in (200, 501)  # the backend knows no PUT
    finally:
        connection.close()
    asked = world.backends["auth"].wait_asked(1)[-1]
    assert (asked.headers.get("Content-Length", "0"), asked.headers["X-Original-Method"],
            asked.headers["X-Original-URI"], asked.headers["X-Scheme"]) == ("0", "PUT", "/x", "http")


def test_host_has_no_port(world):
    world.write(guarded(world, url=f"http://{world.name}-auth.default.svc:80/check"))
    world.get()
    assert world.backends["auth"].wait_asked(1)[-1].headers["Host"] == f"{world.name}-auth.default.svc"


def test_headers_of_the_client_are_known_after_the_question(world):
    world.write(guarded(world, auth_signin="https://in.test/$http_x_tenant/$cookie_team"))
    answer = world.get("/p", headers={"X-Tenant": "blue", "Cookie": "team=red"})
    assert redirect(answer) == (302, f"https://in.test/blue/red?rd=http://{world.host}%2Fp")


def test_signin(world):
    world.write(guarded(world, "/", auth_signin="http://$host/auth/start"))
    answer = world.get("/?a=b&c=d")
    assert redirect(answer) == (302, f"http://{world.host}/auth/start?rd=http://{world.host}%2F%3Fa%3Db%26c%3Dd")
    assert answer.cookies == ["state=x"]
    assert world.served(headers={"X-Want": "403"}) == 403
    assert world.served(headers={"X-Ok": "1"}) == "echo"


@pytest.mark.parametrize("signin, parameter, location", [
    ("https://in.test/start", "orig", "https://in.test/start?orig=http://HOST%2Fp"),
    ("https://in.test/start?x=1", None, "https://in.test/start?x=1&rd=http://HOST%2Fp"),
    ("https://in.test/start?rd=/home", None, "https://in.test/start?rd=/home"),
    ("https://in.test/start?u=$escaped_request_uri", None,
     "https://in.test/start?u=%2Fp&rd=http://HOST%2Fp"),
])
def test_signin_parameters(world, signin, parameter, location):
    more = {"auth_signin_redirect_param": parameter} if parameter else {}
    world.write(guarded(world, auth_signin=signin, **more))
    assert redirect(world.get("/p")) == (302, location.replace("HOST", world.host))


def test_headers_for_the_backend(world):
    world.write(guarded(world, auth_response_headers="X-User, X-Groups,Authorization",
                        auth_request_redirect="https://back.test/here"))
    seen = world.seen(headers={"X-Ok": "1", "X-User": "mallory", "X-Groups": "admin", "Authorization": "Bearer t"})
    assert (seen.headers.get_all("X-User"), seen.headers["X-Groups"], seen.headers["Authorization"]) == (
        ["alice"], None, None)
    asked = world.backends["auth"].asked[-1]
    assert (asked.headers["X-Auth-Request-Redirect"], asked.headers["Authorization"]) == (
        "https://back.test/here", "Bearer t")


def test_headers_of_a_configmap(world):
    world.write(config_map(f"{world.name}-more", {"X-Path": "$request_uri", "X-Tenant": "blue", "X-Ns": "${namespace}"}),
                guarded(world, auth_proxy_set_headers=f"default/{world.name}-more"))
    world.get("/q?z=1")
    asked = world.backends["auth"].wait_asked(1)[-1]
    assert [asked.headers[n] for n in ("X-Path", "X-Tenant", "X-Ns")] == ["/q?z=1", "blue", "default"]


def test_headers_of_a_snippet(world):
    world.write(guarded(world, auth_snippet="proxy_set_header My-Header 42;\nproxy_set_header X-At $request_uri;"))
    assert world.served("/p", headers={"X-Ok": "1"}) == "echo"
    asked = world.backends["auth"].asked[-1].headers
    assert (asked["My-Header"], asked["X-At"]) == ("42", "/p")
    assert world.seen(headers={"X-Ok": "1"}).headers["My-Header"] is None


@pytest.mark.parametrize("always, status, cookies", [
    (None, 200, ["sid=1; Path=/", "two=2"]), (None, 503, []), ("true", 503, ["sid=1; Path=/", "two=2"])])
def test_cookies_of_the_answer(world, always, status, cookies):
    world.backend("echo", lambda asked: (status, []))
    more = {"auth_always_set_cookie": always} if always else {}
    world.write(guarded(world, **more))
    answer = world.get(headers={"X-Ok": "1"})
    assert (answer.status, answer.cookies) == (status, cookies)


@pytest.mark.parametrize("annotations, field", [
    ({"auth_url": "https://invalid..auth.url"}, "auth-url"),
    ({"auth_url": "http://localhost/check"}, "auth-url"),
    ({"auth_url": "http://169.254.169.254/latest"}, "auth-url"),
    ({"auth_url": "http://absent.default.svc.cluster.local/x"}, "auth-url"),
    ({"auth_url": "http://in.test/$upstream_addr"}, "auth-url"),
    ({"auth_url": "http://$arg_to/x"}, "auth-url"),
    ({"auth_url": "http://in.test:70000/"}, "auth-url"),
    ({"auth_url": "http://in.test/", "auth_signin": "http://$nobody/"}, "auth-signin"),
    ({"auth_url": "http://in.test/", "auth_cache_duration": "soon"}, "auth-cache-duration"),
    ({"auth_url": "http://in.test/", "auth_proxy_set_headers": "default/nowhere"}, "auth-proxy-set-headers"),
    ({"auth_url": "http://in.test/", "auth_snippet": "proxy_pass http://x;"}, "auth-snippet"),
])
def test_what_cannot_be_asked_closes_the_path(world, annotations, field):
    world.write(nginx("a", world.host, **annotations), nginx("b", f"other.{world.host}"))
    assert world.served() == 503
    assert world.served(host=f"other.{world.host}") == "echo"
    status = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]
    assert [p["field"] for p in status["problems"] if p["reason"] == "AccessClosed"] == [
        f"metadata.annotations[nginx.ingress.kubernetes.io/{field}]"]


def test_a_cache_is_not_needed(world):
    world.write(guarded(world, auth_cache_key="$remote_user$http_authorization", auth_cache_duration="200 202 5m, 401 10s"))
    assert world.served(headers={"X-Ok": "1"}) == "echo"
    assert world.served() == 401


def test_acme_paths_and_preflights_are_not_asked_about(world):
    world.write(guarded(world, "/", "/.well-known/acme-challenge/x", enable_cors="true", permanent_redirect_code="301"))
    assert world.served("/.well-known/acme-challenge/x") == "echo"
    connection = world.site.client.connect(world.host)
    try:
        connection.request("OPTIONS", "/", headers={"Host": world.host})
        assert connection.getresponse().status == 204
    finally:
        connection.close()
    answer = world.get()
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert len(world.backends["auth"].asked) == 1


@pytest.mark.parametrize("lists, satisfy, ok, status", [
    ({"whitelist_source_range": "127.0.0.0/8"}, "any", False, "echo"),
    ({"whitelist_source_range": "10.0.0.0/8"}, "any", False, 401),
    ({"whitelist_source_range": "10.0.0.0/8"}, "any", True, "echo"),
    ({"whitelist_source_range": "10.0.0.0/8"}, "all", True, 403),
    ({"whitelist_source_range": "127.0.0.0/8"}, "all", False, 401),
    ({"denylist_source_range": "127.0.0.0/8"}, "any", True, "echo"),
    ({"denylist_source_range": "127.0.0.0/8"}, "any", False, 401),
    ({"denylist_source_range": "10.0.0.0/8"}, "any", False, "echo"),
])
def test_satisfy_with_addresses(world, lists, satisfy, ok, status):
    world.write(guarded(world, satisfy=satisfy, auth_response_headers="X-User", **lists))
    headers = {"X-User": "mallory", **({"X-Ok": "1"} if ok else {})}
    assert world.served(headers=headers) == status
    if status == "echo":
        assert world.seen(headers=headers).headers["X-User"] == ("alice" if ok and "127" not in str(lists.get(
            "whitelist_source_range")) and "10" not in str(lists.get("denylist_source_range")) else None)


def test_global_authorization(world):
    world.backend("auth", gate)
    world.site.write("controller.yaml", config_map("controller", {
        "global-auth-url": f"http://{world.name}-auth.default.svc.cluster.local/global",
        "global-auth-response-headers": "X-User", "global-auth-signin": "https://in.test/",
        "no-auth-locations": "/bar"}, "ingress-nginx"))
    try:
        world.write(nginx("a", world.host, "/foo", "/bar"), nginx("b", f"off.{world.host}", enable_global_auth="false"))
        assert redirect(world.get("/foo")) == (302, f"https://in.test/?rd=http://{world.host}%2Ffoo")
        assert world.seen("/foo", headers={"X-Ok": "1"}).headers["X-User"] == "alice"
        assert world.backends["auth"].asked[-1].path == "/global"
        assert world.served("/bar") == "echo"
        assert world.served(host=f"off.{world.host}") == "echo"
        world.site.write("controller.yaml", config_map("controller", {"global-auth-url": "gopher://x"}, "ingress-nginx"))
        assert world.served("/foo") == 503
    finally:
        world.site.write("controller.yaml", config_map("controller", {}, "ingress-nginx"))


@pytest.mark.parametrize("whose", ["own", "other"])
def test_over_tls_whoever_brings_the_certificate(world, whose):
    """The filter that asks must be in the host's own chain, or the path would be open."""
    secret = tls_secret(f"{world.name}-cert", Authority().issue(world.host))
    tls = ((f"{world.name}-cert", world.host),)
    more = [] if whose == "own" else [{
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
        "metadata": {"name": f"{world.name}-owner", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": world.host, "tls": {"secretName": f"{world.name}-cert"}},
                 "routes": [{"conditions": [{"prefix": "/open"}], "services": [{"name": "echo", "port": 80}]}]}}]
    protected = guarded(world, "/", **{"auth_signin": "https://$host/in"})
    protected["spec"]["tls"] = [{"secretName": s, "hosts": [h]} for s, h in tls]
    world.write(secret, protected, *more)
    assert redirect(world.get("/x", tls=True)) == (302, f"https://{world.host}/in?rd=https://{world.host}%2Fx")
    assert world.served("/x", tls=True, headers={"X-Ok": "1"}) == "echo"
    if whose == "own":  # else the HTTPProxy's own redirect
        assert redirect(world.get("/x")) == (308, f"https://{world.host}/x")


def test_a_gate_by_address(world):
    """A host that is an address is asked where the configuration allows it: here it does not."""
    world.write(guarded(world, url="http://127.0.0.1:1/"))
    assert world.served(headers={"X-Ok": "1"}) == 503
