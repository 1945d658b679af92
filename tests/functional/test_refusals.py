"""What Envoy refuses goes no further than the object that it came from."""

import json

import pytest

from objects import app, ingress, path, rule
from xds_client import World


def hosts(world):
    routes = world.resources["RDS"].get("ingress_http")
    return {d for h in routes.virtual_hosts for d in h.domains} if routes else set()


def statuses(pipeline):
    """The translator's own: they are committed with the resources that the client has seen."""
    rows = json.loads(pipeline.translator.get("/debug/statuses"))
    return {f"{r['kind']} {r['namespace']}/{r['name']}": r for r in rows}


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
        # Only a client that has said that it has all of a world counts as one that has accepted it.
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

    # The others go on changing, and what is refused is not tried again.
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
    # Who explains it answers from what is served, and says that it is no more what the objects say.
    said = json.loads(pipeline.translator.get("/debug/explain?url=http://good.example.com/x"))
    assert said["route"]["match"] == "prefix /"
    assert said["route"]["made_by"] == {
        "note": "an earlier version of the objects: Envoy refused the present one"}
