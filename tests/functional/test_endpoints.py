"""Objects in, CDS and EDS at a real gRPC client."""

import pytest

from objects import endpoint, ingress, path, port, rule, service, slice_of
from xds_client import World, addresses, describe


@pytest.fixture
def world(pipeline):
    with World(pipeline.xds_address) as world:
        yield world


def eds_names(world):
    return sorted(c["eds_cluster_config"]["service_name"] for c in world.clusters().values())


def test_two_named_ports_one_removed_the_other_moved_and_renamed(pipeline, world):
    """The case that Contour's feature tests call the pathological hard case."""
    def slices(*ports):
        return slice_of("web", 0, "10.0.0.1", "10.0.0.2",
                        ports=[{"port": n, "protocol": "TCP", **({"name": name} if name else {})}
                               for n, name in ports])

    pipeline.write("service.yaml", service("web", port(80, "http", 8080), port(443, "https", 8443)))
    pipeline.write("slices.yaml", slices((8080, "http"), (8443, "https")))
    pipeline.write("ingress.yaml", ingress("web", rule("web.example.com", path("web", 80),
                                                       path("web", 443, at="/secure"))))
    world.quiet()
    assert eds_names(world) == ["default/web/http", "default/web/https"]
    assert world.endpoints("default/web/http") == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert world.endpoints("default/web/https") == ["10.0.0.1:8443", "10.0.0.2:8443"]

    # One port goes.
    pipeline.write("service.yaml", service("web", port(443, "https", 8443)))
    world.quiet()
    assert eds_names(world) == ["default/web/https"]
    assert list(world.resources["EDS"]) == ["default/web/https"]
    pipeline.write("slices.yaml", slices((8443, "https")))
    assert world.quiet() == []

    # The other moves to another number of the pods and loses its name.
    pipeline.write("service.yaml", service("web", port(443, target=9443)))
    world.quiet()
    assert eds_names(world) == ["default/web"]
    pipeline.write("slices.yaml", slices((9443, None)))
    world.quiet()
    assert eds_names(world) == ["default/web"]
    assert world.endpoints("default/web") == ["10.0.0.1:9443", "10.0.0.2:9443"]
    assert list(world.resources["EDS"]) == ["default/web"]

    # And the service's own number changes: another cluster.
    pipeline.write("service.yaml", service("web", port(8000, target=9443)))
    pipeline.write("ingress.yaml", ingress("web", rule("web.example.com", path("web", 8000))))
    world.quiet()
    assert [n.split("/")[:3] for n in world.clusters()] == [["default", "web", "8000"]]
    assert world.endpoints("default/web") == ["10.0.0.1:9443", "10.0.0.2:9443"]


def test_an_endpoint_change_is_one_eds_resource_and_nothing_else(pipeline, world):
    for name in ("a", "b"):
        pipeline.write(f"{name}.yaml", ingress(name, rule(f"{name}.example.com", path(name))),
                       service(name, port(80, target=8080)))
        pipeline.write(f"{name}-slices.yaml", slice_of(name, 8080, "10.0.0.1"))
    world.quiet()
    pipeline.write("a-slices.yaml", slice_of("a", 8080, "10.0.0.1", "10.0.0.2"))
    assert describe(world.quiet()) == {"EDS": (["default/a"], [])}
    assert world.endpoints("default/a") == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert world.endpoints("default/b") == ["10.0.0.1:8080"]


def test_slices_come_and_go(pipeline, world):
    pipeline.write("app.yaml", ingress("web", rule("web.example.com", path("web"))),
                   service("web", port(80, target=8080)))
    world.quiet()
    assert world.endpoints("default/web") == []
    pipeline.write("one.yaml", slice_of("web", 8080, "10.0.0.1", suffix="one"))
    pipeline.write("two.yaml", slice_of("web", 8080, "10.0.0.2", suffix="two"))
    world.quiet()
    assert world.endpoints("default/web") == ["10.0.0.1:8080", "10.0.0.2:8080"]
    pipeline.remove("one.yaml")
    world.quiet()
    assert world.endpoints("default/web") == ["10.0.0.2:8080"]
    pipeline.remove("two.yaml")
    world.quiet()
    assert world.endpoints("default/web") == []


def test_a_draining_backend_serves_when_nothing_else_is_ready(pipeline, world):
    draining = endpoint("10.0.0.1", ready=False, serving=True, terminating=True)
    ready = endpoint("10.0.0.2", ready=True, serving=True, terminating=False)
    pipeline.write("app.yaml", ingress("web", rule("web.example.com", path("web"))),
                   service("web", port(80, target=8080)))
    pipeline.write("slices.yaml", slice_of("web", 8080, draining, ready))
    world.quiet()
    assert world.endpoints("default/web") == ["10.0.0.2:8080"]
    pipeline.write("slices.yaml", slice_of("web", 8080, draining))
    world.quiet()
    assert world.endpoints("default/web") == ["10.0.0.1:8080"]


def test_a_service_that_nobody_refers_to_is_not_served(pipeline, world):
    pipeline.write("web.yaml", service("web", port(80, target=8080)), slice_of("web", 8080, "10.0.0.1"))
    world.quiet()
    assert world.clusters() == {}
    pipeline.write("ingress.yaml", ingress("web", rule("web.example.com", path("web"))))
    world.quiet()
    assert len(world.clusters()) == 1
    pipeline.remove("ingress.yaml")
    world.quiet()
    assert world.clusters() == {}


def test_a_cluster_comes_before_its_route_and_leaves_after_it(pipeline, world):
    pipeline.write("web.yaml", service("web", port(80, target=8080)), slice_of("web", 8080, "10.0.0.1"),
                   service("api", port(80, target=8080)), slice_of("api", 8080, "10.0.0.2"),
                   ingress("web", rule("web.example.com", path("web"))))
    world.quiet()
    pipeline.write("web.yaml", service("web", port(80, target=8080)), slice_of("web", 8080, "10.0.0.1"),
                   service("api", port(80, target=8080)), slice_of("api", 8080, "10.0.0.2"),
                   ingress("web", rule("web.example.com", path("api"))))
    seen = []
    for r in world.quiet():
        seen += [f"{r.type} +{n}" for n in r.names] + [f"{r.type} -{n}" for n in r.removed]
    kinds = [s[:5] for s in seen]
    assert kinds[:4] == ["CDS +", "EDS +", "RDS +", "CDS -"], seen
    # The client gives up the endpoints of a deleted cluster: if the server hears of that first, it
    # has nothing to remove.
    assert kinds[4:] in ([], ["EDS -"]), seen
    assert addresses(world.resources["EDS"]["default/api"]) == ["10.0.0.2:8080"]
