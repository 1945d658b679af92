"""`portolan explain`, `routes`, `graph` and `translate` of Gateway API (R-14): why a route is not
attached, which listener took a request, which routes lost by precedence, and which route has a
stream."""

import json
import subprocess

import pytest

import gateway_objects as api
from gateway_objects import backend, gateway, grant, listener, route, rule, thing
from objects import port, service, slice_of
from programs import program
from stage import Manifests

OLD, NEW = "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
WORLD = [
    api.CLASS,
    {**api.CLASS, "metadata": {"name": "foreign"}, "spec": {"controllerName": "other.io/x"}},
    gateway("web", listener("http", 8090), listener("foo", 8090, hostname="*.foo.com"),
            listener("closed", 8091, allowedRoutes={"namespaces": {"from": "Selector", "selector": {
                "matchLabels": {"team": "a"}}}}),
            listener("tcp", 9000, "TCP"), allowedListeners={"namespaces": {"from": "All"}}),
    {**gateway("elsewhere", listener("http", 8090)), "spec": {
        "gatewayClassName": "foreign", "listeners": [listener("http", 8090)]}},
    thing("ListenerSet", "more", {"parentRef": {"name": "web"}, "listeners": [listener("extra", 8092)]}),
    route("old", rule(backend("app")), hosts=["shop.com"], created=OLD, parents=[{"name": "web", "sectionName": "http"}]),
    route("new", rule(backend("app")), rule(backend("app"), at="/long"), hosts=["shop.com"], created=NEW,
          parents=[{"name": "web", "sectionName": "http"}]),
    route("lost", rule(backend("app")), hosts=["shop.com"], parents=[
        {"name": "web", "sectionName": "foo"}, {"name": "web", "sectionName": "closed"},
        {"name": "web", "sectionName": "none"}, {"name": "gone"}, {"name": "elsewhere"}, {"name": "x", "kind": "Service"}]),
    route("set", rule(backend("app", namespace="other")), hosts=["set.com"], parents=[{"name": "more", "kind": "ListenerSet"}]),
    *(route(n, {"backendRefs": [backend("app")]}, kind="TCPRoute", created=c, parents=[{"name": "web", "sectionName": "tcp"}])
      for n, c in (("first", OLD), ("second", NEW))),
    service("app", port(80, "http")), slice_of("app", 3000, "127.0.0.1", port_name="http"),
]


@pytest.fixture
def manifests(folder):
    found = Manifests(folder / "manifests")
    found.write("world.yaml", *WORLD)
    return found.path


def portolan(command, manifests, *args):
    return subprocess.run([program("portolan"), command, "--manifests", manifests, *args], capture_output=True, text=True)


def explain(manifests, subject):
    return json.loads(portolan("explain", manifests, "--json", subject).stdout)


def test_why_a_route_is_not_attached(manifests):
    """S-RT-1, G-ATT-1: a row for each parent, also for those that are not ours."""
    found = [(p["name"], p.get("section"), p["accepted"], p["reason"], p["listeners"])
             for p in explain(manifests, "httproute/lost")["parents"]]
    assert found == [
        ("web", "foo", False, "NoMatchingListenerHostname", []), ("web", "closed", False, "NotAllowedByListeners", []),
        ("web", "none", False, "NoMatchingParent", []), ("gone", None, False, "NotServedHere", []),
        ("elsewhere", None, False, "NotServedHere", []), ("x", None, False, "NotServedHere", [])]
    said = portolan("explain", manifests, "httproute/lost").stdout
    for sentence in ("no listener has one of its host names: foo has *.foo.com",
                     "the labels of namespace default do not fit the selector of closed",
                     "it has no listener of this name and port; it has: http on port 8090, foo on port 8090",
                     "there is no Gateway default/gone", "belongs to the controller other.io/x", "a Service is not a parent here"):
        assert sentence in said, said


def test_where_a_route_is_attached_and_what_is_missing(manifests):
    """R-14: parent, listener, reason, missing grant."""
    said = explain(manifests, "httproute/set")
    assert [(p["kind"], p["listeners"]) for p in said["parents"]] == [("ListenerSet", ["extra"])]
    assert [r["host"] for r in said["routes"]] == ["set.com:8092"]
    assert "it needs a ReferenceGrant there" in portolan("explain", manifests, "httproute/set").stdout


def test_what_lost_by_precedence(manifests):
    """The older route goes first, and the rule by which the other comes after it is named."""
    asked = explain(manifests, "http://shop.com:8090/")
    assert asked["route"]["made_by"]["name"] == "old"
    assert [(r["made_by"]["name"], r["why"]) for r in asked["lost"]] == [("new", "its route is younger")]
    assert explain(manifests, "http://shop.com:8090/long")["lost"][0]["why"] == "its path is shorter"
    lost = [r for r in explain(manifests, "httproute/new")["routes"] if "lost_to" in r]
    assert [r["made_by"]["field"] for r in lost] == ["spec.rules[0]"]
    assert lost[0]["lost_to"] == ("HTTPRoute default/old spec.rules[0] has the same match and goes first: "
                                  "here its route is younger")


def test_which_listener_took_a_request(manifests):
    """G-ISO-2: the closest listener, even where no route attaches to it."""
    def taken(url):
        by = explain(manifests, url)["taken_by"]
        return by["parent"]["kind"], by["parent"]["name"], by["listener"]

    assert taken("http://shop.com:8090/") == ("Gateway", "web", "http")
    assert taken("http://a.foo.com:8090/") == ("Gateway", "web", "foo")
    assert taken("http://set.com:8092/") == ("ListenerSet", "more", "extra")
    assert taken("http://any.com:9000/") == ("Gateway", "web", "tcp")
    assert explain(manifests, "http://a.foo.com:8090/")["status"] == 404


def test_who_has_a_stream(manifests):
    """G-L4-3, S-RT-9: the loser's status names the route that has the listener."""
    asked = explain(manifests, "http://any.com:9000/")
    assert (asked["route"]["made_by"]["name"], [r["made_by"]["name"] for r in asked["lost"]]) == ("first", ["second"])
    said = explain(manifests, "tcproute/second")
    accepted = said["status"]["parents"][0]["conditions"][0]
    assert (accepted["status"], accepted["message"]) == (
        "True", "The route is attached, but TCPRoute default/first has the listener before it")
    assert said["routes"][0]["lost_to"] == "TCPRoute default/first is older and has the listener"
    first = explain(manifests, "tcproute/first")
    assert first["status"]["parents"][0]["conditions"][0]["message"] == "The route is attached"
    assert "lost_to" not in first["routes"][0]


def test_what_a_gateway_has(manifests):
    said = explain(manifests, "gateway/web")
    assert [(x["name"], x["attached_total"], [r["name"] for r in x["attached"]]) for x in said["listeners"]] == [
        ("http", 2, ["new", "old"]), ("foo", 0, []), ("closed", 0, []), ("tcp", 2, ["first", "second"])]
    assert {r["name"] for r in said["resources"] if r["kind"] == "listener"} >= {"gateway/0.0.0.0/8090", "gateway/0.0.0.0/9000"}
    assert [x["attached_total"] for x in explain(manifests, "listenerset/more")["listeners"]] == [1]


def test_routes_and_graph_know_gateways(manifests):
    hosts = json.loads(portolan("routes", manifests, "-o", "json").stdout)
    assert [h["host"] for h in hosts] == ["*:9000", "set.com:8092", "shop.com:8090"]
    assert [r["made_by"]["name"] for r in hosts[2]["routes"]] == ["new", "old", "new"]
    for subject in ("httproute/new", "shop.com", "shop.com:8090"):
        drawn = portolan("graph", manifests, "--dot", subject)
        assert drawn.returncode == 0 and "shop.com:8090" in drawn.stdout, drawn.stderr


def test_translate_names_file_and_field(manifests):
    done = subprocess.run([program("portolan"), "translate", "--strict", manifests], capture_output=True, text=True)
    assert done.returncode != 0
    assert "HTTPRoute default/set: spec.rules[0].backendRefs[0]: Service other/app" in done.stderr
    with_grant = [*WORLD, grant("g", "other", "Service"), service("app", port(80, "http"), namespace="other")]
    Manifests(manifests).write("world.yaml", *with_grant)
    done = subprocess.run([program("portolan"), "translate", manifests], capture_output=True, text=True)
    assert "HTTPRoute default/set: spec" not in done.stderr


def test_a_parent_that_nobody_has_is_a_warning(manifests):
    """A slip of the pen in parentRefs, or a Gateway that cannot be read, would be silent otherwise."""
    broken = gateway("broken", listener("http", 99999))
    Manifests(manifests).write("lost.yaml", broken, route("lost", rule(backend("app")), parents=[{"name": "wbe"}]),
                               route("of-broken", rule(backend("app")), parents=[{"name": "broken"}]))
    done = subprocess.run([program("portolan"), "translate", manifests], capture_output=True, text=True)
    assert "warning: HTTPRoute default/lost: spec.parentRefs[0]: there is no Gateway default/wbe" in done.stderr
    assert "warning: HTTPRoute default/of-broken: spec.parentRefs[0]: Gateway default/broken is there, but cannot be read" in done.stderr


def shared_by_session(manifests, *weights):
    """A rule with a session and two Services, which are one cluster."""
    found = Manifests(manifests.parent / f"sessions-{weights[0]}")
    found.write("world.yaml", WORLD[0], gateway("web", listener("http", 8090)), *(o for n, p in (("one", 3000), ("two", 3001)) for o in (
        service(n, port(80, "http")), slice_of(n, p, "127.0.0.1", "127.0.0.2", port_name="http"))),
        route("r", rule(backend("one", weights[0]), backend("two", weights[1]), sessionPersistence={"cookie": {"name": "stay"}})))
    return found.path


def test_backends_of_a_session_are_shown_each(manifests):
    before, after = shared_by_session(manifests, 4, 0), shared_by_session(manifests, 1, 1)
    host, = json.loads(portolan("routes", before, "-o", "json").stdout)
    assert [(c["service"], c["weight"], c["ready"], c["all"]) for c in host["routes"][0]["clusters"]] == [
        ("default/one", 4, 2, 2), ("default/two", 0, 2, 2)]
    done = subprocess.run([program("portolan"), "diff", "--against", before, after], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode and "two" in done.stdout and "session:" not in done.stdout
