"""xds-server starts from its saved state when no other stage runs, and accepts no state that is
incomplete or another's."""

import json
import os
import shutil

import pytest

import frames
from envoy_process import Envoy
from objects import app, ingress, path, port, rule, service, slice_of
from xds_client import World

PATIENCE = 60


@pytest.fixture
def alone(site):
    """A site with every stage killed and the manifests gone: only xds-server/state is left."""
    backend = site.backend("web")
    site.pipeline.manifests.write(
        "web.yaml", ingress("web", rule("web.example.com", path("web"))),
        service("web", port(80, target=backend.port)), slice_of("web", backend.port, backend.address))
    site.pipeline.start()
    site.pipeline.settle()
    with World(site.pipeline.xds_address) as world:
        world.quiet()  # an answer is behind all that is kept
    for name in site.pipeline.ORDER:
        site.pipeline.stages[name].kill()
    shutil.rmtree(site.pipeline.manifests.path)
    return site


def test_a_new_envoy_is_configured_by_xds_server_alone(alone):
    alone.pipeline.xds.start()
    alone.envoy = Envoy(alone.folder, alone.pipeline.xds_address).start()
    source = json.loads(alone.pipeline.xds.get("/debug/wait"))["source"]
    alone.pipeline.xds.wait_accepted(source, timeout=PATIENCE)
    assert alone.get("web.example.com").backend == "web"
    assert not alone.pipeline.xds.status()["translator"]["connected"]


def foreign_role(data):
    """The watcher's state, whole and in order."""
    hello = frames.message("Hello", product="portolan", role="watcher", major=frames.MAJOR,
                           minor=frames.MINOR)
    first = next(iter(frames.read_stream(data)))
    rest = data[frames.HEADER.size + len(first.payload):]
    return frames.encode(frames.HELLO, 0, hello) + rest


def other_version(data):
    first = next(iter(frames.read_stream(data)))
    body = frames.message("Hello", product="portolan", role="xds-server", major=9)
    rest = data[frames.HEADER.size + len(first.payload):]
    return frames.encode(frames.HELLO, 0, body, major=9) + rest


def flipped(data):
    """One bit, in the middle of the items."""
    at = data.index(b"web.example.com") + 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


DAMAGE = {
    "a bit": (flipped, "digest"),
    "no beginning": (lambda data: data[100:], "not a frame"),
    "another program's file": (lambda data: b"#!/bin/sh\necho hello\n" * 50, "not a frame"),
    "another stage's": (foreign_role, "state of a watcher"),
    "another version's": (other_version, "protocol version 9"),
    "cut in the first state": (lambda data: data[:200], "ends before its first complete state"),
    "empty": (lambda data: b"", "ends before its first complete state"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_or_foreign_state_is_refused_as_a_whole_and_said_to_be(alone, what):
    damage, said = DAMAGE[what]
    kept = alone.pipeline.dir / "xds-server" / "state"
    kept.write_bytes(damage(kept.read_bytes()))
    xds = alone.pipeline.xds
    xds.start(ready=False)
    # An xds-server that answers has read its state, and has said so.
    assert xds.status()["resources"] == {} and not xds.status()["ready"]
    assert "xds-server/state is not used: " in xds.logged()
    assert said in xds.logged().split("is not used: ")[-1].splitlines()[0]
    code, body = xds.ask("/readyz")
    assert code == 503 and said in body
    # The first answer to an Envoy comes from the translator that is back, and nothing else with it.
    with World(alone.pipeline.xds_address) as world:
        alone.pipeline.manifests.path.mkdir()
        alone.pipeline.manifests.write("other.yaml", *app("other", "10.0.0.1", 8080))
        alone.pipeline.start("watcher", "translator")
        world.until(lambda w: "default/other" in w.resources["EDS"], PATIENCE)
        assert list(world.resources["EDS"]) == ["default/other"]
        assert not [n for r in world.log for n in r.names if "web" in n]
        assert not [r for r in world.log if r.removed]


def test_a_state_that_others_may_write_is_refused(alone):
    kept = alone.pipeline.dir / "xds-server" / "state"
    os.chmod(kept, 0o666)
    alone.pipeline.xds.start(ready=False)
    assert not alone.pipeline.xds.status()["ready"]
    assert "nobody else may read or write" in alone.pipeline.xds.logged()


def other_folder(pipeline):
    """The watcher gets another folder, which has no manifests yet."""
    other = pipeline.dir / "other"
    other.mkdir()
    args = pipeline.watcher.args
    at = args.index("--manifests")
    args[at + 1] = other
    return "manifests"


def other_class(pipeline):
    pipeline.translator.args += ["--ingress-class", "other"]
    return "class other"


@pytest.mark.parametrize("change", [other_folder, other_class])
@pytest.mark.parametrize("late", [False, True])
def test_a_state_of_other_sources_is_not_served(alone, change, late):
    """Also if xds-server has read it before the others noted their present sources."""
    says, pipeline = change(alone.pipeline), alone.pipeline
    stage = pipeline.watcher if change is other_folder else pipeline.translator
    if late:
        pipeline.xds.start()
        assert pipeline.xds.status()["ready"]
    stage.start(ready=False)
    stage.status()  # who answers has noted its sources
    if late and change is other_folder:
        # Nobody has told xds-server: it looks again when an Envoy comes.
        with World(pipeline.xds_address) as world:
            pipeline.xds.process.wait(PATIENCE)
            assert not any(world.resources.values())
    if late:
        pipeline.xds.process.wait(PATIENCE)
        assert "the kept state is not served any more: it is of other sources than now" in pipeline.xds.logged()
        pipeline.xds.process = None
    stage.kill()
    pipeline.xds.start(ready=False)
    assert pipeline.xds.status()["resources"] == {} and not pipeline.xds.status()["ready"]
    code, body = pipeline.xds.ask("/readyz")
    assert code == 503 and "it is of other sources than now" in body and says in body


def test_the_same_sources_by_another_name_are_the_same(alone):
    pipeline = alone.pipeline
    pipeline.manifests.path.mkdir()
    link = pipeline.dir / "link"
    link.symlink_to(pipeline.manifests.path)
    args = pipeline.watcher.args
    args[args.index("--manifests") + 1] = link
    pipeline.watcher.start(ready=False)
    pipeline.watcher.status()
    pipeline.watcher.kill()
    pipeline.xds.start()
    assert pipeline.xds.status()["ready"]
