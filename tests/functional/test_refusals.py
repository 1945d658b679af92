"""A refusal by Envoy affects only the object that caused it."""

import json

import pytest

import gateway_objects as api
from kube import poll
from objects import app, ingress, path, rule
from xds_client import World


def hosts(world):
    routes = world.resources["RDS"].get("ingress_http")
    return {d for h in routes.virtual_hosts for d in h.domains} if routes else set()


def statuses(pipeline):
    """The translator's own: they are committed with the resources that the client has seen."""
    rows = json.loads(pipeline.translator.get("/debug/statuses"))
    return {f"{r['kind']} {r.get('namespace', '')}/{r['name']}": r for r in rows}


def refuse_host(host):
    def refuse(response):
        named = any(host in h.domains for r in response.resources.values()
                    for h in getattr(r, "virtual_hosts", ()))
        return f"the virtual host {host} is not to my taste" if named else None
    return refuse


@pytest.fixture
def world(pipeline):
    pipeline.write("good.yaml", *app("good", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        # Only a client that has reported all of a world counts as having accepted it.
        pipeline.xds.wait_accepted(pipeline.settle())
        yield world


def test_a_refused_host_is_held_back_and_its_neighbours_in_the_same_table_go_through(pipeline, world):
    world.refuse = refuse_host("bad.example.com")
    pipeline.write("new.yaml",
                   *[ingress(n, rule(f"{n}.example.com", path("good"))) for n in ("bad", "new")])
    world.until(lambda w: "new.example.com" in hosts(w) and w.refused)
    assert "bad.example.com" not in hosts(world)
    assert "good.example.com" in hosts(world)
    assert world.quiet() == []
    found = statuses(pipeline)
    said = [p["message"] for p in found["Ingress default/bad"]["problems"]]
    assert any("bad.example.com is not to my taste" in m for m in said), said
    assert found["Ingress default/new"]["verdict"] == "accepted"

    # The others go on changing, and the refused version is not tried again.
    refused = len(world.refused)
    pipeline.write("more.yaml", ingress("more", rule("more.example.com", path("good"))))
    world.until(lambda w: "more.example.com" in hosts(w))
    assert len(world.refused) == refused

    # Mended, it is taken at once.
    world.refuse = lambda _: None
    pipeline.write("new.yaml", ingress("bad", rule("bad.example.com", path("good", at="/mended"))),
                   ingress("new", rule("new.example.com", path("good"))))
    world.until(lambda w: "bad.example.com" in hosts(w))
    assert not statuses(pipeline)["Ingress default/bad"].get("problems")


def test_a_refused_change_leaves_the_last_accepted_version(pipeline, world):
    def paths(w):
        return {route.match.path_separated_prefix or route.match.prefix
                for h in w.resources["RDS"]["ingress_http"].virtual_hosts
                if "good.example.com" in h.domains for route in h.routes}

    def refuse(response):
        changed = any(route.match.path_separated_prefix == "/changed" for r in response.resources.values()
                      for h in getattr(r, "virtual_hosts", ()) for route in h.routes)
        return "no /changed here" if changed else None

    objects = app("good", "10.0.0.1", 8080)
    world.refuse = refuse
    pipeline.write("good.yaml", ingress("good", rule("good.example.com", path("good", at="/changed"))),
                   *objects[1:], ingress("other", rule("other.example.com", path("good"))))
    world.until(lambda w: "other.example.com" in hosts(w))
    assert paths(world) == {"/"}
    assert world.refused
    assert any("no /changed here" in p["message"]
               for p in statuses(pipeline)["Ingress default/good"]["problems"])
    # explain answers from the served state, and says that it differs from the objects.
    said = json.loads(pipeline.translator.get("/debug/explain?url=http://good.example.com/x"))
    assert said["route"]["match"] == "prefix /"
    assert said["route"]["made_by"] == {
        "note": "an earlier version of the objects: Envoy refused the present one"}


TABLE = "gateway/default/web/80"


def hosts_of_gateway(world):
    routes = world.resources["RDS"].get(TABLE)
    return {d for h in routes.virtual_hosts for d in h.domains if h.routes} if routes else set()


def http_route(name, at="/"):
    return api.route(name, api.rule(api.backend("good"), at=at), hosts=[f"{name}.example.com"])


def test_of_host_names_of_a_gateway_with_equal_routes_one_is_held_back(pipeline, world):
    """They share a virtual host; a refusal is about one all the same, and what it was before is served."""
    common = [api.CLASS, api.gateway("web", api.listener("http", 80)), *(http_route(n) for n in ("good", "other"))]
    pipeline.write("gateway.yaml", *common)
    world.until(lambda w: hosts_of_gateway(w) == {"good.example.com", "other.example.com"})
    assert [len(h.domains) for h in world.resources["RDS"][TABLE].virtual_hosts if h.routes] == [2]
    pipeline.xds.wait_accepted(pipeline.settle())

    world.refuse = refuse_host("bad.example.com")
    pipeline.write("more.yaml", http_route("bad"), http_route("new"))
    world.until(lambda w: "new.example.com" in hosts_of_gateway(w) and w.refused)
    assert hosts_of_gateway(world) == {"good.example.com", "other.example.com", "new.example.com"}
    assert any("bad.example.com is not to my taste" in p["message"] for p in statuses(pipeline)["HTTPRoute default/bad"]["problems"])
    pipeline.xds.wait_answered(pipeline.settle())

    def refuse_change(response):
        changed = any(route.match.path_separated_prefix == "/changed" for r in response.resources.values()
                      for h in getattr(r, "virtual_hosts", ()) for route in h.routes)
        return "no /changed here" if changed else None

    world.refuse = refuse_change
    refused = len(world.refused)
    pipeline.write("gateway.yaml", *common[:3], http_route("other", at="/changed"))
    pipeline.write("more.yaml", http_route("new"), http_route("last"))
    world.until(lambda w: "last.example.com" in hosts_of_gateway(w) and len(w.refused) > refused)

    def told():
        # The culprit is looked for among several changes, each step an answer.
        world.quiet()
        return any("no /changed here" in p["message"] for p in statuses(pipeline)["HTTPRoute default/other"].get("problems", ()))

    poll(told)
    assert hosts_of_gateway(world) == {f"{n}.example.com" for n in ("good", "other", "new", "last")}
