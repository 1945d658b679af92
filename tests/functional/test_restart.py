"""A stage that starts again over an unchanged world is not noticed by any client."""

import signal

import pytest

from objects import app, tls_secret
from certs import Authority
from xds_client import World, describe


@pytest.fixture
def world(pipeline):
    certificate = Authority().issue("a.example.com")
    pipeline.write("a.yaml", *app("a", "10.0.0.1", 8080, tls="cert"), tls_secret("cert", certificate))
    pipeline.write("b.yaml", *app("b", "10.0.0.2", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        assert len(world.resources["SDS"]) == 1 and len(world.resources["CDS"]) == 2
        yield world


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
@pytest.mark.parametrize("name", ["watcher", "translator"])
def test_restart_over_an_unchanged_world_sends_nothing(pipeline, world, name, how):
    stage = pipeline.stages[name]
    stage.kill(how)
    assert world.quiet() == []
    stage.start()
    pipeline.settle()
    assert world.quiet() == []
    pipeline.write("b.yaml", *app("b", "10.0.0.3", 8080))
    assert describe(world.quiet()) == {"EDS": (["default/b"], [])}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_xds_server_that_comes_back_sends_nothing_to_who_has_it_all(pipeline, world, how):
    had = world.snapshot()
    pipeline.xds.kill(how)
    pipeline.xds.start()
    pipeline.settle()
    with World(pipeline.xds_address, have=had) as back:
        assert back.quiet() == []


def test_all_stages_start_again_and_nothing_is_sent(pipeline, world):
    had = world.snapshot()
    for name in pipeline.ORDER:
        pipeline.stages[name].kill()
    pipeline.start()
    pipeline.settle()
    with World(pipeline.xds_address, have=had) as back:
        assert back.quiet() == []


def test_xds_server_serves_its_last_world_while_the_others_are_away(pipeline, world):
    had = world.snapshot()
    for name in pipeline.ORDER:
        pipeline.stages[name].kill()
    pipeline.xds.start(ready=False)
    with World(pipeline.xds_address) as fresh:
        fresh.quiet()
        assert fresh.snapshot() == had


def test_what_changed_while_a_stage_was_away_arrives_when_it_is_back(pipeline, world):
    pipeline.translator.kill()
    pipeline.manifests.write("b.yaml", *app("b", "10.0.0.9", 8080))
    pipeline.manifests.remove("a.yaml")
    pipeline.settle("watcher")
    assert world.quiet() == []
    pipeline.translator.start()
    pipeline.settle()
    said = world.quiet()
    assert world.endpoints("default/b") == ["10.0.0.9:8080"]
    assert list(world.resources["EDS"]) == ["default/b"] and world.resources["SDS"] == {}, said


def test_what_is_deleted_while_the_watcher_is_away_goes_when_it_is_back(pipeline, world):
    pipeline.watcher.kill()
    pipeline.manifests.remove("a.yaml")
    assert world.quiet() == []
    pipeline.watcher.start()
    pipeline.settle()
    world.quiet()
    assert list(world.resources["EDS"]) == ["default/b"]
