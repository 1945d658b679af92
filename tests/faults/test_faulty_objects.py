"""Objects that kill the translator, and routes that Envoy refuses, injected by an annotation into a
translator that is built for it."""

import json
import signal

import pytest

import frames
from backends import Load
from events import Deadline
from objects import app, ingress, path, port, rule, service, slice_of
from xds_client import World

FAULTY = "tests/faults/portolan-translator"
PATIENCE = 60


def faulty(name, how, *paths):
    return ingress(name, rule(f"{name}.example.com", *(paths or [path("good")])),
                   annotations={"portolan.io/fault": how} if how else None)


def hosts(world):
    table = world.resources["RDS"].get("ingress_http")
    return {d for h in table.virtual_hosts for d in h.domains} if table else set()


def status(pipeline, name):
    """The translator's status of an Ingress: it is committed with the resources."""
    rows = json.loads(pipeline.translator.get("/debug/statuses"))
    return next(r for r in rows if r["kind"] == "Ingress" and r["name"] == name)


# ---- objects that kill the translator ----


def dies(translator):
    code = translator.process.wait(PATIENCE)
    translator.process = None
    assert code == -signal.SIGABRT, translator.logged()[-3000:]


def dies_twice(pipeline):
    dies(pipeline.translator)
    pipeline.translator.start(ready=False)
    dies(pipeline.translator)
    pipeline.translator.start()


@pytest.fixture
def world(pipeline):
    """A client of a pipeline with the faulty translator that serves one good host."""
    pipeline.translator.stop()
    pipeline.translator.program = FAULTY
    pipeline.translator.start()
    pipeline.write("good.yaml", *app("good", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        yield world


def test_an_object_that_kills_the_translator_is_set_aside_and_the_rest_is_served(pipeline, world):
    pipeline.manifests.write("bad.yaml", faulty("bad", "crash"))
    dies_twice(pipeline)
    pipeline.write("new.yaml", faulty("new", None))
    world.until(lambda w: "new.example.com" in hosts(w))
    assert "bad.example.com" not in hosts(world) and "good.example.com" in hosts(world)
    assert [r.removed for r in world.log if r.removed] == []
    found = status(pipeline, "bad")
    assert found["verdict"] == "rejected"
    assert [p["reason"] for p in found["problems"]] == ["SetAside"]
    assert "died while it was reading this object (2 times now)" in pipeline.translator.logged()
    assert pipeline.statuses()["Ingress default/bad"]["problems"][0]["reason"] == "SetAside"

    # It stays aside over a clean restart, and comes back when it is mended.
    pipeline.translator.restart()
    pipeline.settle()
    assert status(pipeline, "bad")["verdict"] == "rejected"
    pipeline.write("bad.yaml", faulty("bad", None))
    world.until(lambda w: "bad.example.com" in hosts(w))
    assert status(pipeline, "bad")["verdict"] == "accepted"


def test_an_object_that_changes_and_kills_again_is_set_aside_again(pipeline, world):
    pipeline.manifests.write("bad.yaml", faulty("bad", "crash"))
    dies_twice(pipeline)
    pipeline.settle()
    pipeline.manifests.write("bad.yaml", faulty("bad", "crash", path("good", at="/other")))
    dies_twice(pipeline)
    pipeline.write("new.yaml", faulty("new", None))
    world.until(lambda w: "new.example.com" in hosts(w))
    assert status(pipeline, "bad")["verdict"] == "rejected"
    assert [r.removed for r in world.log if r.removed] == []


# ---- objects that Envoy refuses ----


@pytest.fixture
def envoy_site(site):
    """With the faulty translator; the hosts good, bad and twin have the same routes."""
    site.pipeline.translator.program = FAULTY
    backend = site.backend("good")
    site.pipeline.manifests.write(
        "good.yaml", faulty("good", None), service("good", port(80, target=backend.port)),
        slice_of("good", backend.port, backend.address))
    return site


def held_back(site):
    """Until the translator holds something back, and Envoy has all that it does not."""
    with frames.connect(site.pipeline.dir / "resources.sock", "reader") as reader:
        reader.wait(lambda c: any(kind == frames.QUARANTINE for kind, _ in c.mirror.state), PATIENCE)
    # A world is Envoy's, too, while those that stand trial are let go, some at a time.
    deadline = Deadline(PATIENCE)
    confirmed = False
    while not confirmed:
        now = site.pipeline.translator.metrics()
        confirmed = now["portolan_translator_unconfirmed"] == now["portolan_translator_held"]
        deadline.left("all that Envoy does not refuse is confirmed")
    site.settle(PATIENCE)


def refusals(site):
    return site.envoy.stats(r"rds\.ingress_http\.update_rejected")


def says_what_envoy_said(site):
    found = status(site.pipeline, "bad")
    said = [p["message"] for p in found["problems"] if p["reason"] == "RejectedByEnvoy"]
    assert said and all("missing ): (" in message for message in said), found
    assert status(site.pipeline, "twin")["verdict"] == "accepted"
    return True


def test_a_route_that_envoy_refuses_harms_nobody_and_its_host_keeps_what_it_had(envoy_site):
    site = envoy_site
    site.pipeline.manifests.write("twin.yaml", faulty("twin", None))
    site.pipeline.manifests.write("bad.yaml", faulty("bad", None))
    site.start()
    site.settle(PATIENCE)
    site.pipeline.xds.keep_address()
    with (Load(site.client, "bad.example.com", threads=1) as bad,
          Load(site.client, "twin.example.com", threads=1) as twin):
        site.pipeline.manifests.write("bad.yaml", faulty("bad", "reject"))
        held_back(site)
        assert says_what_envoy_said(site)
        before = refusals(site)
        assert sum(before.values()) >= 1
        for name in ("translator", "xds-server"):
            site.pipeline.stages[name].kill()
            site.pipeline.stages[name].start()
            site.settle(PATIENCE)
            assert says_what_envoy_said(site)
            assert refusals(site) == before
            for load in (bad, twin):
                load.more(20, timeout=PATIENCE)
        # A neighbour comes, and a corrected object is taken at once.
        site.pipeline.manifests.write("new.yaml", faulty("new", None))
        site.settle(PATIENCE)
        assert site.get("new.example.com").backend == "good"
        site.pipeline.manifests.write("bad.yaml", faulty("bad", None, path("good"), path("no", at="/no")))
        site.settle(PATIENCE)
        assert refusals(site) == before
        assert site.get("bad.example.com", "/no").status == 503
    assert bad.failed == [] and twin.failed == []


def test_at_a_first_start_one_that_envoy_refuses_is_left_out_of_fifty(envoy_site):
    site = envoy_site
    names = [f"host-{n}" for n in range(48)] + ["twin", "bad"]
    for name in names:
        own = path("good", at=f"/{name}")
        site.pipeline.manifests.write(f"{name}.yaml",
                                      faulty(name, "reject" if name == "bad" else None, path("good"), own))
    site.start()
    held_back(site)
    assert [n for n in names if site.get(f"{n}.example.com").status != 200] == ["bad"]
    assert says_what_envoy_said(site)
