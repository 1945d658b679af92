"""Sessions of rules with several backends (GEP-1619, G-SP-2): a client stays at its endpoint, whatever the weights; through a
real Envoy, newest and oldest."""

import collections

from gateway_objects import backend, gateway, listener, route, rule
from objects import endpoint, port, service, slice_of
from test_gateway import site, world  # noqa: F401
from test_gateway_traffic_policy import policy

COOKIE = {"cookie": {"name": "st.ay"}}
HEADER = {"type": "Header", "header": {"name": "x-stay"}}


def pods(world, name, *names, app_protocol=None):
    """A Service with these backends as its endpoints."""
    for n in names:
        world.backend(n)
    return [service(name, {**port(80, "http"), **({"appProtocol": app_protocol} if app_protocol else {})}),
            *(slice_of(name, world.backends[n].port, endpoint(world.address), port_name="http", suffix=n) for n in names)]


def start(world, **kwargs):
    """A new session: where it began, and the headers that go on with it."""
    answer = world.get(**kwargs)
    assert answer.status == 200
    if "x-stay" in answer.headers:
        return answer.backend, {"x-stay": answer.headers["x-stay"]}
    return answer.backend, {"Cookie": "other=1; " + answer.cookies[0].split(";")[0]}


def starts(world, n, **kwargs):
    """Many sessions: {where they began: headers that go on with one of these}, and how many began where."""
    found = [start(world, **kwargs) for _ in range(n)]
    return dict(found), collections.Counter(name for name, _ in found)


def served(world, headers, n=10, **kwargs):
    return {world.ask(headers=headers, **kwargs) for _ in range(n)}


def split(session, *backends):
    return route("r", rule(*backends, sessionPersistence=session))


def problems(world):
    return [p["reason"] for p in world.status("HTTPRoute", "r").get("problems", [])]


def test_a_session_stays_at_its_endpoint(world):
    """Its cookie or header decides, not the weights; these share out new sessions."""
    objects = [*pods(world, "one", "a", "b"), *pods(world, "two", "c", "d"), gateway("web", listener("http", 80))]
    for session in (COOKIE, HEADER):
        world.write(*objects, split(session, backend("one", 1), backend("two", 3)))
        assert problems(world) == []
        sessions, began = starts(world, 80)
        # Binomial(80, 1/4): five standard deviations.
        assert set(sessions) == {"a", "b", "c", "d"} and 1 <= began["a"] + began["b"] <= 39
        for name, headers in sessions.items():
            assert served(world, headers) == {name}
        # New weights, and none for one of them (GEP-1619, "even if the weight is set to 0").
        for weights in ((3, 1), (1, 0), (0, 1)):
            world.write(*objects, split(session, *(backend(n, w) for n, w in zip(("one", "two"), weights))))
            for name, headers in sessions.items():
                assert served(world, headers) == {name}, weights
        assert set(starts(world, 20)[0]) == {"c", "d"}


def test_an_endpoint_that_goes(world):
    """Its sessions begin anew elsewhere, and stay there; a backend that leaves the rule is such a case."""
    one, two, web = pods(world, "one", "a"), pods(world, "two", "c"), gateway("web", listener("http", 80))
    world.write(*one, *two, web, split(COOKIE, backend("one"), backend("two")))
    sessions, _ = starts(world, 40)
    world.write(*one, service("two", port(80, "http")), web, split(COOKIE, backend("one", 1), backend("two", 0)))
    name, headers = start(world, headers=sessions["c"])
    assert name == "a" and served(world, headers) == {"a"} == served(world, sessions["a"])
    # The only backend with a share has no endpoints: sessions of the other go on.
    world.write(*one, service("two", port(80, "http")), web, split(COOKIE, backend("two"), backend("one", 0)))
    assert served(world, sessions["a"]) == {"a"} and served(world, {}) == {503}
    world.write(*one, *two, web, split(COOKIE, backend("two"), backend("one", 0)))
    assert served(world, sessions["a"]) == {"a"} and served(world, sessions["c"]) == {"c"}


def test_shares_that_nobody_serves(world):
    """500 for what is missing and 503 for a Service without endpoints, of new sessions; those that are there go on."""
    one, two, web = pods(world, "one", "a"), pods(world, "two", "c"), gateway("web", listener("http", 80))
    empty = service("empty", port(80, "http"))
    world.write(*one, *two, empty, web, split(COOKIE, backend("one"), backend("two"), backend("missing"), backend("empty")))
    codes = collections.Counter(world.get().status for _ in range(200))
    # Binomial(200, 1/4), six standard deviations on either side.
    assert 14 < codes[500] < 87 and 14 < codes[503] < 87 and codes[200] == 200 - codes[500] - codes[503]
    sessions = {}
    for _ in range(100):
        answer = world.get()
        assert (answer.status == 200) == bool(answer.cookies)
        if answer.status == 200:
            sessions[answer.backend] = {"Cookie": answer.cookies[0].split(";")[0]}
    assert {name: served(world, headers, 30) for name, headers in sessions.items()} == {"a": {"a"}, "c": {"c"}}
    world.write(*one, *two, *pods(world, "empty", "e"), web,
                split(COOKIE, backend("one"), backend("two"), backend("empty", 10**6)))
    assert served(world, sessions["a"]) == {"a"}
    assert starts(world, 20)[1]["e"] >= 19


def test_a_session_by_policy(world):
    """XBackendTrafficPolicy of one of the backends: all of them have it."""
    world.write(*pods(world, "one", "a"), *pods(world, "two", "c"), gateway("web", listener("http", 80)),
                policy("p", target="two", sessionPersistence=COOKIE), route("r", rule(backend("one"), backend("two"))))
    sessions, _ = starts(world, 40)
    for name, headers in sessions.items():
        assert served(world, headers) == {name}
    assert set(sessions) == {"a", "c"}


def test_backends_that_differ(world):
    """By protocol, or with filters of their own: the session holds within each, and a warning says so."""
    one, web = pods(world, "one", "a"), gateway("web", listener("http", 80))
    world.write(*one, *pods(world, "two", "c", "d", app_protocol="kubernetes.io/ws"), web,
                split(COOKIE, backend("one"), backend("two")))
    assert problems(world) == []
    for other in (backend("two", filters=[{"type": "RequestHeaderModifier", "requestHeaderModifier": {
                      "set": [{"name": "x", "value": "y"}]}}]), backend("secure")):
        world.write(*one, *pods(world, "two", "c", "d"), *pods(world, "secure", "d", app_protocol="https"), web,
                    split(COOKIE, backend("one"), other))
        assert problems(world) == ["SessionWithinBackend"]
