"""No wrong answer while a route appears, changes its backend and goes, whatever the order of its
objects (G-BE-8, E-BK-5, R-28, R-29): first 404, then 200, then 404 again, and nothing else."""

import itertools
import threading
import time

import pytest

import gateway_objects as api
from backends import Client
from gateway_objects import backend, gateway, listener, route, rule
from objects import endpoint, port, service, slice_of

ROUNDS = 6
PATIENCE = 0.5  # translator/guard/route-patience.c: a route that is new or changed waits so long for its backends


class Watch:
    """Asks for a host in a loop; remembers each change of the answer."""

    def __init__(self, address, host):
        self.client = Client(address, 80)
        self.host = host
        self.seen = []
        self.changed = threading.Condition()
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        connection = None
        while not self.stopping:
            connection = connection or self.client.connect(self.host)
            answer = self.client.on(connection, self.host, "/")
            if answer.headers.get("connection") == "close":
                connection.close()
                connection = None
            said = answer.backend or answer.status
            with self.changed:
                if not self.seen or self.seen[-1] != said:
                    self.seen.append(said)
                    self.changed.notify_all()
        if connection:
            connection.close()

    def wait(self, said, timeout=60):
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen and self.seen[-1] == said, timeout), self.seen

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(60)


class Handed:
    """Writes the objects of a route one after the other, and notes whether the translator had all of them in time, which
    it has not where the machine is busy: the answer may then be 500 or 503 for a moment."""

    def __init__(self, site):
        self.site = site
        self.in_time = True

    def write(self, order, objects):
        began = time.monotonic()
        for kind in order:
            self.site.pipeline.manifests.write(f"{kind}.yaml", objects[kind])
            self.site.pipeline.settle("watcher")
        self.site.pipeline.settle("translator")
        self.in_time &= time.monotonic() - began < PATIENCE

    def counting(self, seen):
        """What counts of the answers."""
        if self.in_time:
            return seen
        return [said for said, _ in itertools.groupby(s for s in seen if s not in (500, 503))]


def parts(site, name, host):
    """(Service, slice, route) of a host that goes to the backend `name`."""
    b = site.backends[name]
    own = f"{name}-{host.split('.')[0]}"
    return (service(own, port(80, "http")), slice_of(own, b.port, endpoint(b.address), port_name="http"),
            route(host.split(".")[0], rule(backend(own)), hosts=[host]))


@pytest.fixture(scope="module")
def web(shared_site):
    site = shared_site
    for name in ("one", "two"):
        site.backend(name)
    site.write("web.yaml", api.CLASS, gateway("web", listener("http", 80)))
    return site


ORDERS = [("service", "slice", "route"), ("service", "route", "slice"), ("route", "service", "slice"),
          ("slice", "route", "service")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_a_route_that_comes_and_goes(web, order):
    for i in range(ROUNDS):
        host = f"h{i}.com"
        objects = dict(zip(("service", "slice", "route"), parts(web, "one", host)))
        with Watch(web.address, host) as watch:
            watch.wait(404)
            handed = Handed(web)
            handed.write(order, objects)
            watch.wait("one")
            web.settle()
            for kind in ("route", "slice", "service"):
                web.pipeline.manifests.remove(f"{kind}.yaml")
                web.pipeline.settle("watcher")
            watch.wait(404)
            web.settle()
        assert handed.counting(watch.seen) == [404, "one", 404], order


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_a_route_that_changes_its_backend(web, order):
    """The old Service may go in the same moment."""
    host = "change.com"
    web.write("route.yaml", *parts(web, "one", host))
    handed = Handed(web)
    with Watch(web.address, host) as watch:
        watch.wait("one")
        for i in range(ROUNDS):
            now, then = ("two", "one") if i % 2 == 0 else ("one", "two")
            objects = dict(zip(("service", "slice", "route"), parts(web, now, host)))
            old = parts(web, then, host)[:2]
            web.pipeline.manifests.write("old.yaml", *old)
            web.pipeline.settle("watcher")
            handed.write(order, objects)
            web.pipeline.manifests.remove("old.yaml")
            watch.wait(now)
            web.settle()
            web.write("route.yaml", *objects.values())
            for kind in ("service", "slice"):
                web.remove(f"{kind}.yaml")
    assert handed.counting(watch.seen) == ["one"] + ["two", "one"] * (ROUNDS // 2)
    web.remove("route.yaml")


def test_what_never_comes_is_told_in_the_end(web):
    """G-BE-1, G-BE-3: the wait for backends ends; then the answer is 500 for a missing Service and
    503 for one without endpoints. Until then the former version is served."""
    host = "late.com"
    web.write("route.yaml", *parts(web, "one", host))
    with Watch(web.address, host) as watch:
        watch.wait("one")
        web.write("route.yaml", *parts(web, "one", host)[:2], route("late", rule(backend("never")), hosts=[host]))
        watch.wait(500)
        web.write("route.yaml", *parts(web, "one", host)[:2], service("bare", port(80, "http")),
                  route("late", rule(backend("bare")), hosts=[host]))
        watch.wait(503)
    assert watch.seen == ["one", 500, 503]
    web.remove("route.yaml")


def test_a_service_that_goes_is_told_at_once(web):
    """The route did not change: its share is 500 as soon as the Service is gone, 503 without a slice."""
    host = "gone.com"
    svc, sliced, one = parts(web, "one", host)
    web.write("route.yaml", svc, sliced, one)
    with Watch(web.address, host) as watch:
        watch.wait("one")
        web.write("route.yaml", svc, one)
        watch.wait(503)
        web.write("route.yaml", one)
        watch.wait(500)
    assert watch.seen == ["one", 503, 500]
    web.remove("route.yaml")
