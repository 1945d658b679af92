"""What backends and clients of ingress-nginx see: headers, protocols, CORS, canaries, sessions, snippets."""

import re

import pytest

from certs import Authority
from nginx import World, nginx
from objects import path, port, service, slice_of


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    return found


def test_headers_to_the_backend(world):
    world.write(nginx("a", world.host))
    seen = world.seen(headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "Proxy": "x",
                               "X_Under": "x"}).headers
    assert seen["X-Forwarded-For"] == seen["X-Real-IP"] != "1.2.3.4"
    assert (seen["X-Forwarded-Host"], seen["X-Forwarded-Port"]) == (world.host, "80")
    assert (seen["X-Scheme"], seen["X-Forwarded-Scheme"], seen["X-Forwarded-Proto"]) == ("http", "http", "http")
    assert seen["X-Request-ID"]
    assert "Proxy" not in seen


def test_upstream_vhost(world):
    world.write(nginx("a", world.host, upstream_vhost="inside.test"))
    seen = world.seen().headers
    assert (seen["Host"], seen["X-Forwarded-Host"]) == ("inside.test", world.host)


def test_x_forwarded_prefix_needs_a_rewrite(world):
    world.write(nginx("a", world.host, "/", x_forwarded_prefix="/test", rewrite_target="/foo"),
                nginx("b", f"b.{world.host}", x_forwarded_prefix="/test"))
    assert world.seen("/x").headers["X-Forwarded-Prefix"] == "/test"
    assert world.seen(host=f"b.{world.host}").headers["X-Forwarded-Prefix"] is None


@pytest.mark.parametrize("word", ["HTTPS", "https"])
def test_https_backends_are_not_verified(world, word):
    world.backend("tls", certificate=Authority().issue("other.test"))
    world.write(nginx("a", world.host, path("tls"), backend_protocol=word))
    assert world.served() == "tls"


def test_what_has_no_effect_is_named(world):
    """A misspelt name, a name of older versions, a unit on a time, a prefix without rewrite."""
    world.write(nginx("a", world.host, whitelist_source_rnage="10.0.0.0/8", secure_backends="true", proxy_read_timeout="60s",
                      **{"ingress.kubernetes.io/rewrite-target": "/x"}))
    assert world.served() == "echo"
    [status] = [v for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")]
    told = {p["field"].split("/")[-1].rstrip("]"): p["message"] for p in status["problems"]}
    assert "whitelist-source-range" in told["whitelist-source-rnage"] and "backend-protocol" in told["secure-backends"]
    assert "default" in told["proxy-read-timeout"] and "prefix" in told["rewrite-target"]


@pytest.mark.parametrize("at, annotations, field, words", [
    ("/", {"auth_secret": "users"}, "auth-secret", "without auth-type"),
    ("/", {"auth_signin": "https://in.test/"}, "auth-signin", "without auth-url"),
    ("/", {"canary_weight": "10"}, "canary-weight", "without canary"),
    ("/", {"canary": "true", "canary_by_header_value": "x"}, "canary-by-header-value", "without canary-by-header"),
    ("/", {"canary": "true", "canary_weight_total": "200"}, "canary-weight-total", "without canary-weight"),
    ("/", {"cors_max_age": "10"}, "cors-max-age", "without enable-cors"),
    ("/", {"limit_whitelist": "10.0.0.0/8"}, "limit-whitelist", "without one of limit-rps limit-rpm"),
    ("/", {"session_cookie_name": "x"}, "session-cookie-name", "without affinity"),
    ("/", {"proxy_ssl_name": "x"}, "proxy-ssl-name", "without proxy-ssl-secret"),
    ("/", {"x_forwarded_prefix": "/x"}, "x-forwarded-prefix", "without rewrite-target"),
    ("/", {"proxy_cookie_domain": "x.test"}, "proxy-cookie-domain", "off or two words"),
    ("/x(/|$)(.*)", {}, "spec.rules[0].http.paths[0]", "no Ingress of the host has use-regex"),
    ("/x/(.*)", {"use_regex": "true", "affinity": "cookie"}, "affinity", "the cookie's Path is /x/(.*)"),
])
def test_what_lacks_another_annotation_is_named(world, at, annotations, field, words):
    world.write(nginx("a", world.host, at, **annotations))
    [status] = [v for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")]
    told = [p["message"] for p in status["problems"] if p["field"].split("io/")[-1].removesuffix("]" if "io/" in p["field"] else "") == field]
    assert any(words in t for t in told), status["problems"]


def test_answers_are_not_compressed(world):
    world.write(nginx("a", world.host))
    answer = world.get("/" + "x" * 3000, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200 and "content-encoding" not in answer.headers


def test_fastcgi_is_refused(world):
    world.write(nginx("a", world.host, backend_protocol="FCGI"))
    assert world.served() == 503


def test_cors_on_every_answer(world):
    world.write(nginx("a", world.host, enable_cors="true"))
    headers = world.get().headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-allow-methods"] == "GET, PUT, POST, DELETE, PATCH, OPTIONS"
    assert headers["access-control-max-age"] == "1728000"


def options(world, origin):
    connection = world.site.client.connect(world.host)
    try:
        connection.request("OPTIONS", "/", headers={"Host": world.host, "Origin": origin})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("access-control-allow-origin")
    finally:
        connection.close()


def test_cors_with_a_list_of_origins(world):
    world.write(nginx("a", world.host, enable_cors="true",
                      cors_allow_origin="https://good.test, http://*.wild.test:8080,"))

    def allowed(origin):
        return world.get(headers={"Origin": origin}).headers.get("access-control-allow-origin")

    assert {o: allowed(o) for o in ("https://good.test", "https://GOOD.test", "http://a.wild.test:8080",
                                    "http://a.b.wild.test:8080", "http://a.wild.test", "https://bad.test",
                                    "evilhttps://good.test")} == {
        "https://good.test": "https://good.test", "https://GOOD.test": "https://GOOD.test",
        "http://a.wild.test:8080": "http://a.wild.test:8080", "http://a.b.wild.test:8080": None,
        "http://a.wild.test": None, "https://bad.test": None, "evilhttps://good.test": None}
    assert options(world, "https://good.test") == (204, "https://good.test")
    assert options(world, "https://bad.test")[0] != 204


def test_commas_separate_origins(world):
    """Spaces around them do not count; two origins with a space between them are none."""
    world.write(nginx("a", world.host, enable_cors="true",
                      cors_allow_origin=" https://a.test , https://b.test https://c.test,https://*.d.test "))
    allowed = {o: world.get(headers={"Origin": o}).headers.get("access-control-allow-origin")
               for o in ("https://a.test", "https://b.test", "https://c.test", "https://x.d.test")}
    assert allowed == {"https://a.test": "https://a.test", "https://b.test": None, "https://c.test": None,
                       "https://x.d.test": "https://x.d.test"}
    told, = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]["problems"]
    assert (told["reason"], told["field"]) == ("AnnotationIgnored",
                                               "metadata.annotations[nginx.ingress.kubernetes.io/cors-allow-origin]")


def canary(world, **rules):
    world.backend("main"), world.backend("canary")
    world.write(nginx("canary", world.host, path("canary"), canary="true", created="2020-01-01T00:00:00Z",
                      **{f"canary_{k}": v for k, v in rules.items()}),
                nginx("main", world.host, path("main"), created="2020-01-02T00:00:00Z"))


def test_canary_by_header(world):
    canary(world, by_header="X-C")
    assert {v: world.served(headers={"X-C": v}) for v in ("always", "never", "other")} == {
        "always": "canary", "never": "main", "other": "main"}


def test_canary_by_the_value_of_a_header(world):
    canary(world, by_header="X-C", by_header_value="DoCanary")
    assert {v: world.served(headers={"X-C": v}) for v in ("always", "never", "other", "DoCanary")} == {
        "always": "main", "never": "main", "other": "main", "DoCanary": "canary"}


def test_canary_by_cookie_behind_a_header(world):
    canary(world, by_header="X-C", by_header_value="DoCanary", by_cookie="c")
    assert world.served(headers={"X-C": "no", "Cookie": "a=b; c=always"}) == "canary"
    assert world.served(headers={"Cookie": "c=never"}) == "main"
    assert world.served(headers={"Cookie": "c=alwaysnot"}) == "main"


@pytest.mark.parametrize("weight, total, least, most", [
    ("0", "100", 0, 0), ("100", "100", 60, 60), ("1000", "1000", 60, 60), ("50", "100", 12, 48), ("100", "200", 12, 48)])
def test_canary_by_weight(world, weight, total, least, most):
    canary(world, weight=weight, weight_total=total)
    served = [world.served() for _ in range(60)]
    assert least <= served.count("canary") <= most


def test_a_canary_without_a_main_is_not_served(world):
    world.write(nginx("a", world.host, canary="true", canary_weight="100"))
    assert world.served() == 404


def two_endpoints(world):
    first, second = world.backend("echo"), world.site.backend(f"{world.name}-second")
    name = f"{world.name}-echo"
    world.backends.clear()
    return [service(name, port(80, target=first.port)),
            slice_of(name, first.port, first.address), slice_of(name, second.port, second.address, suffix="2")], name


def test_sessions_stay_at_an_endpoint(world):
    objects, name = two_endpoints(world)
    world.site.write(f"{world.name}.yaml", *objects, nginx(
        world.name, world.host, path(name), affinity="cookie", session_cookie_name="SERVERID",
        session_cookie_max_age="259200"))
    answer = world.get()
    [cookie] = answer.cookies
    assert re.match(r'SERVERID="?[^;]+"?; ?Max-Age=259200; ?Path=/; ?HttpOnly', cookie), cookie
    value = cookie.split(";")[0]
    served = {world.get(headers={"Cookie": value}).backend for _ in range(10)}
    assert served == {answer.backend}


def test_hash_by_the_uri(world):
    objects, name = two_endpoints(world)
    world.site.write(f"{world.name}.yaml", *objects, nginx(world.name, world.host, path(name), upstream_hash_by="$request_uri"))
    assert len({world.get("/one").backend for _ in range(20)}) == 1
    assert len({world.get(f"/{i}").backend for i in range(40)}) == 2


def test_long_answers_are_not_cut(world):
    """proxy-read-timeout is the time between two reads, not of the whole."""
    world.write(nginx("a", world.host, proxy_read_timeout="1"))
    assert world.served() == "echo"


def test_snippets_that_set_headers(world):
    world.write(nginx("a", world.host, configuration_snippet="""
        more_set_headers "Foo1: Bar1" "X-Percent: 100%";
        proxy_set_header X-Asked "$http_x_ask";
        """))
    answer = world.get("/")
    assert (answer.headers["foo1"], answer.headers["x-percent"]) == ("Bar1", "100%")
    assert world.seen(headers={"X-Ask": "me"}).headers["X-Asked"] == "me"


def test_other_snippets_are_refused_and_the_path_is_served(world):
    world.write(nginx("a", world.host, configuration_snippet='more_set_headers "Foo: x"; sub_filter a b;'))
    answer = world.get("/")
    assert answer.status == 200 and "foo" not in answer.headers


def test_websockets_need_no_annotation(world):
    world.write(nginx("a", world.host))
    assert world.site.client.echo(world.host, "/", b"\x81\x05hello") == (101, b"\x81\x05hello")
