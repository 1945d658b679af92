"""XBackendTrafficPolicy (GEP-3388, GEP-1619; E-CL-7, G-SP-1): sessions and retry budgets of all requests to a Service."""

import threading

from gateway_objects import backend, gateway, listener, route, rule, thing
from objects import endpoint, port, service, slice_of
from test_gateway import site, world  # noqa: F401


def policy(name, created=None, target="both", **spec):
    return thing("XBackendTrafficPolicy", name, {"targetRefs": [{"group": "", "kind": "Service", "name": target}], **spec},
                 created=created, version="v1alpha1", group="gateway.networking.x-k8s.io")


def both(world):
    for name in ("one", "two"):
        world.backend(name)
    return [service("both", port(80, "http")), *(
        slice_of("both", b.port, endpoint(b.address), port_name="http", suffix=n) for n, b in world.backends.items())]


def test_sessions_of_a_service(world):
    """Every route to it has them; a rule's own go first."""
    world.write(*both(world), gateway("web", listener("http", 80)),
                policy("p", sessionPersistence={"cookie": {"name": "stay"}}),
                route("r", rule(backend("both"), at="/policy"), rule(
                    backend("both"), at="/rule", sessionPersistence={"type": "Header", "header": {"name": "x-stay"}})))
    first = world.get(path="/policy")
    assert first.cookies[0].startswith("stay=")
    cookie = first.cookies[0].split(";")[0]
    assert {world.ask(path="/policy", headers={"Cookie": cookie}) for _ in range(10)} == {first.backend}
    other = world.get(path="/rule")
    assert "x-stay" in other.headers and not other.cookies
    entry = world.status("XBackendTrafficPolicy", "p")["ancestors"][0]
    assert entry["conditions"][0]["status"] == "True" and "web" in str(entry)


def test_the_older_policy_holds(world):
    world.write(*both(world), gateway("web", listener("http", 80)), route("r", rule(backend("both"))),
                policy("new", "2024-01-01T00:00:00Z", sessionPersistence={"cookie": {"name": "new"}}),
                policy("old", "2023-01-01T00:00:00Z", sessionPersistence={"cookie": {"name": "old"}}),
                policy("unused", target="other"))
    assert world.get().cookies[0].startswith("old=")
    conditions = world.status("XBackendTrafficPolicy", "new")["ancestors"][0]["conditions"]
    assert [(c["type"], c["status"], c["reason"]) for c in conditions] == [("Accepted", "False", "Conflicted")]
    assert world.status("XBackendTrafficPolicy", "unused")["verdict"] == "ignored"


def test_a_budget_of_retries(world):
    """Ten failing requests at once: with a budget of only one retry at a time not all are tried
    again."""
    together = threading.Barrier(10)
    first = threading.local()

    def reply(asked):
        if not getattr(first, "done", False):
            first.done = True
            together.wait(60)
        return 503, ()

    b = world.backend("b", reply)
    world.write(gateway("web", listener("http", 80)),
                policy("p", target="b", retryConstraint={"budget": {"percent": 0, "interval": "10s"},
                                                         "minRetryRate": {"count": 1, "interval": "1s"}}),
                route("r", rule(backend("b"), retry={"codes": [503], "attempts": 1, "backoff": "100ms"})))
    clients = [threading.Thread(target=world.get) for _ in range(10)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert 10 < len(b.asked) < 20
