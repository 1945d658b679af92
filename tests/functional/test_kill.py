"""kill -9 of each stage in turn, while requests flow through a real Envoy and objects change."""

import pytest

from backends import Load
from objects import ingress, path, port, rule, service, slice_of


@pytest.fixture
def site(site):
    site.start()
    backend = site.backend("web")
    site.write("web.yaml", ingress("web", rule("web.example.com", path("web"))),
               service("web", port(80, target=backend.port)),
               slice_of("web", backend.port, backend.address))
    return site


def pushed(site):
    """Updates that Envoy has taken or refused, by its own count."""
    counts = site.envoy.stats("update_success|update_rejected|config_reload$")
    assert sum(counts.values()) > 3, counts
    return counts


def change(site, n):
    """A host of its own that proves that changes arrive."""
    backend = site.backends["web"]
    site.write(f"more-{n}.yaml", ingress(f"more-{n}", rule(f"more-{n}.example.com", path(f"more-{n}"))),
               service(f"more-{n}", port(80, target=backend.port)),
               slice_of(f"more-{n}", backend.port, backend.address))
    assert site.get(f"more-{n}.example.com").backend == "web"


@pytest.mark.parametrize("name", ["watcher", "translator", "xds-server"])
def test_no_request_fails_and_nothing_is_pushed_that_envoy_has(site, name):
    stage = site.pipeline.stages[name]
    site.pipeline.xds.keep_address()
    with Load(site.client, "web.example.com") as load:
        for n in range(3):
            before = pushed(site)
            stage.kill()
            load.more(30)
            stage.start()
            site.settle()
            load.more(30)
            assert pushed(site) == before
            change(site, n)
    assert load.failed == []


def test_all_stages_die_at_once_and_no_request_fails(site):
    site.pipeline.xds.keep_address()
    with Load(site.client, "web.example.com") as load:
        before = pushed(site)
        for name in site.pipeline.ORDER:
            site.pipeline.stages[name].kill()
        load.more(50)
        site.pipeline.start()
        site.settle()
        load.more(30)
        assert pushed(site) == before
        change(site, 1)
    assert load.failed == []
