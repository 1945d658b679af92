"""Which of several backends serves a request, and how many requests: canaries, sessions, limits."""

import re

import pytest

from nginx import World, nginx
from objects import backend, backend_objects, path, port, rule, service


@pytest.fixture
def world(nginx_site, request):
    return World.of(nginx_site, request, "echo", "main", "canary")


def with_canary(world, main=None, **canary):
    world.write(nginx("main", world.host, path("main"), **(main or {})),
                nginx("canary", world.host, path("canary"), canary="true", **canary))


def cookies(answer):
    return "; ".join(c.split(";")[0] for c in answer.cookies)


def test_a_session_stays_at_the_canary(world):
    with_canary(world, {"affinity": "cookie"}, canary_by_header="X-C")
    forced = world.get(headers={"X-C": "always"})
    assert {world.served(headers={"Cookie": cookies(forced)}) for _ in range(50)} == {"canary"}
    [own] = [c.split(";")[0] for c in forced.cookies if c.startswith("INGRESSCOOKIE=")]
    assert {world.served(headers={"Cookie": own}) for _ in range(50)} == {"canary"}
    at_main = world.get(headers={"X-C": "never"})
    assert {world.served(headers={"Cookie": cookies(at_main), "X-C": "always"}) for _ in range(10)} == {"main"}


def test_a_session_does_not_stay_where_that_is_asked_for(world):
    with_canary(world, {"affinity": "cookie"}, canary_by_header="X-C", affinity_canary_behavior="legacy")
    forced = world.get(headers={"X-C": "always"})
    assert world.served(headers={"Cookie": cookies(forced)}) == "main"


def test_ingresses_of_one_service_have_the_cookie_of_the_newest(world):
    world.write(nginx("old", world.host, path("main"), affinity="cookie", session_cookie_name="OLD", created="2020-01-01T00:00:00Z"),
                nginx("new", f"b.{world.host}", path("main", at="/b"), affinity="cookie", session_cookie_name="NEW",
                      session_cookie_path="/all", session_cookie_max_age="60", created="2021-01-01T00:00:00Z"),
                nginx("none", f"c.{world.host}", path("main"), created="2022-01-01T00:00:00Z"),
                nginx("other", f"d.{world.host}", path("canary"), affinity="cookie", session_cookie_name="OTHER"))
    [cookie] = world.get("/all/x").cookies
    assert re.match("NEW=.*; Max-Age=60; Path=/all; HttpOnly$", cookie), cookie
    [cookie] = world.get(host=f"d.{world.host}").cookies
    assert cookie.startswith("OTHER=")
    assert not world.get(host=f"c.{world.host}").cookies
    told = {k.split(f"{world.name}-")[1]: [p["reason"] for p in v["problems"] if p["severity"] != "INFO"]
            for k, v in world.site.pipeline.statuses().items() if k.startswith(f"Ingress default/{world.name}-")}
    assert "AnnotationOverruled" in told["old"] and "AnnotationOverruled" not in told["new"] + told["other"]


def test_a_canary_without_affinity_sets_no_cookie(world):
    with_canary(world, canary_by_header="X-C")
    assert not world.get(headers={"X-C": "always"}).cookies


def test_a_pattern_is_looked_for_anywhere(world):
    with_canary(world, canary_by_header="X-C", canary_by_header_pattern="Do[A-Z]", canary_by_cookie="my-c")
    assert {v: world.served(headers={"X-C": v}) for v in ("xDoCan", "DoCan", "docan", "always")} == {
        "xDoCan": "canary", "DoCan": "canary", "docan": "main", "always": "main"}
    assert world.served(headers={"X-C": "no", "Cookie": "my-c=always"}) == "canary"


def test_a_pattern_that_is_none_leaves_requests_with_the_header_at_the_main(world):
    with_canary(world, canary_by_header="X-C", canary_by_header_pattern="a(?=b)", canary_by_cookie="c")
    assert world.served(headers={"X-C": "ab", "Cookie": "c=always"}) == "main"
    assert world.served(headers={"Cookie": "c=always"}) == "canary"


@pytest.mark.parametrize("there", [True, False])
def test_a_canary_without_endpoints_gets_no_requests(world, there):
    name = f"{world.name}-empty"
    world.write(*([service(name, port(80))] if there else []), nginx("first", world.host, path("main")),
                nginx("second", world.host, path(name), canary="true", canary_by_header="X-C", canary_weight="100"))
    assert (world.served(headers={"X-C": "always"}), world.served()) == ("main", "main")
    told = {k: v["problems"] for k, v in world.site.pipeline.statuses().items() if k.startswith(f"Ingress default/{world.name}-")}
    assert not told[f"Ingress default/{world.name}-first"]
    assert [p["reason"] for p in told[f"Ingress default/{world.name}-second"]] == ([] if there else ["ServiceMissing"])


def test_a_main_without_endpoints_has_no_canary(world):
    name = f"{world.name}-empty"
    world.write(service(name, port(80)), nginx("first", world.host, path(name)),
                nginx("second", world.host, path("canary"), canary="true", canary_weight="100"),
                nginx("third", f"instead.{world.host}", path(name), default_backend=f"{world.name}-main"),
                nginx("fourth", f"instead.{world.host}", path("canary"), canary="true", canary_weight="100"))
    assert (world.served(), world.served(host=f"instead.{world.host}")) == (503, "main")


def test_a_canary_of_a_default_backend(world):
    world.write(nginx("first", None, default=backend("main", 80)),
                nginx("second", None, default=backend("canary", 80), canary="true", canary_by_header="X-C"))
    host = "unknown.test"
    assert (world.served(host=host), world.served(host=host, headers={"X-C": "always"})) == ("main", "canary")
    world.site.remove(f"{world.name}.yaml")


def test_a_canary_of_no_default_backend_is_named(world):
    world.write(nginx("second", None, default=backend("canary", 80), canary="true", canary_by_header="X-C"))
    told = world.site.pipeline.statuses()[f"Ingress default/{world.name}-second"]["problems"]
    assert [(p["reason"], p["field"]) for p in told] == [("CanaryWithoutMain", "spec.defaultBackend")]
    world.site.remove(f"{world.name}.yaml")


def test_a_canary_with_rules_has_a_default_backend_too(world):
    """For the hosts that no Ingress names, whatever paths the main Ingress has there."""
    first = nginx("first", None)
    first["spec"]["rules"] = [rule(None, path("main"), path("main", at="/elsewhere"))]
    world.write(first, nginx("second", world.host, path("main")),
                nginx("third", world.host, path("canary"), default=backend("canary", 80), canary="true", canary_by_header="X-C"))
    forced = {"X-C": "always"}
    assert [world.served(at, host=host, headers=forced) for host, at in (
        (world.host, "/"), ("unknown.test", "/"), ("unknown.test", "/elsewhere"))] == ["canary"] * 3
    assert world.served(host="unknown.test") == "main"
    world.site.remove(f"{world.name}.yaml")


def test_a_default_backend_of_a_canary_with_rules_that_nothing_has_is_named(world):
    world.write(nginx("first", world.host, path("main"), default=backend("main", 80)),
                nginx("second", world.host, path("canary"), default=backend("canary", 80), canary="true", canary_by_header="X-C"))
    assert [world.served(at, headers={"X-C": "always"}) for at in ("/", "/x")] == ["canary", "canary"]
    told = world.site.pipeline.statuses()[f"Ingress default/{world.name}-second"]["problems"]
    assert [(p["reason"], p["field"]) for p in told] == [("CanaryWithoutMain", "spec.defaultBackend")]


def test_a_canary_of_another_namespace_has_its_own_service(world):
    canary = world.backends["canary"]
    world.site.write(f"{world.name}-there.yaml", *backend_objects(canary, namespace="there"), nginx(
        f"{world.name}-c", world.host, path(canary.name), namespace="there", canary="true", canary_by_header="X-C"))
    del world.backends["canary"]
    world.write(nginx("first", world.host, path("main")))
    assert world.served(headers={"X-C": "always"}) == "canary"


def test_of_a_canary_the_annotations_of_the_main_count(world):
    with_canary(world, {"rewrite_target": "/main"}, canary_by_header="X-C", rewrite_target="/canary")
    assert world.seen("/x", "canary", headers={"X-C": "always"}).path == "/main"


@pytest.mark.parametrize("word, secure", [("true", True), ("false", False), (None, False)])
def test_a_cookie_is_secure_where_it_is_asked_for(world, word, secure):
    more = {"session_cookie_secure": word} if word else {}
    world.write(nginx("a", world.host, affinity="cookie", **more))
    [cookie] = world.get().cookies
    assert ("Secure" in cookie) == secure
    [cookie] = world.get(tls=True).cookies
    assert "Secure" in cookie


@pytest.mark.parametrize("annotations, attributes", [
    ({"session_cookie_samesite": "strict"}, {"SameSite=strict"}), ({"session_cookie_samesite": "LAX"}, {"SameSite=LAX"}),
    ({"session_cookie_max_age": "10x", "session_cookie_expires": "20"}, {"Max-Age=20"}), ({"session_cookie_max_age": "-5"}, set()),
    ({"session_cookie_expires": "99999999999999999999"}, set())])
def test_values_of_attributes(world, annotations, attributes):
    world.write(nginx("a", world.host, affinity="cookie", **annotations))
    [cookie] = world.get().cookies
    assert {p.strip() for p in cookie.split(";")[1:]} == {"Path=/", "HttpOnly"} | attributes


def test_attributes_of_a_cookie(world):
    world.write(nginx("a", world.host, "/something", "/other", affinity="cookie", session_cookie_name="SERVERID",
                      session_cookie_domain="foo.bar", session_cookie_samesite="Lax",
                      session_cookie_expires="172800", session_cookie_max_age="259200"))
    [cookie] = world.get("/something").cookies
    assert cookie.startswith("SERVERID=")
    assert {p.strip() for p in cookie.split(";")[1:]} == {
        "Path=/something", "Domain=foo.bar", "SameSite=Lax", "Max-Age=259200", "HttpOnly"}
    assert "Path=/other" in world.get("/other").cookies[0]


def test_a_cookie_is_set_where_the_annotation_is(world):
    world.write(nginx("a", world.host, "/foo/bar", affinity="cookie"), nginx("b", world.host, "/foo"))
    assert world.get("/foo/bar").cookies and not world.get("/foo").cookies


@pytest.mark.parametrize("limits", [{"limit_rps": "1"}, {"limit_rpm": "1"}, {"limit_rps": "1", "limit_rpm": "600"},
                                    {"limit_rps": "100", "limit_rpm": "1"}])
def test_paths_of_an_ingress_share_its_limit(world, limits):
    world.write(nginx("a", world.host, "/a", "/b", **limits), nginx("b", world.host, "/free"))
    statuses = [world.get(at).status for at in ("/a", "/b") * 6]
    assert statuses[:6] == [200] * 6 and statuses.count(503) >= 4, statuses
    assert {world.get("/free").status for _ in range(12)} == {200}


def test_a_multiplier(world):
    world.write(nginx("a", world.host, limit_rpm="1", limit_burst_multiplier="2"))
    assert [world.get().status for _ in range(5)] == [200, 200, 200, 503, 503]


def test_answers_of_the_proxy_itself_are_not_counted(world):
    world.write(nginx("a", world.host, "/", limit_rpm="1", limit_burst_multiplier="1", app_root="/root"))
    assert {world.get().status for _ in range(8)} == {302}
    assert world.get("/root").status == 200
