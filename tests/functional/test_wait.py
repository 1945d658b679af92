"""`portolan wait`: returns when all Envoys have an object's resources, or names the obstacle."""

import json
import subprocess

import pytest

import objects
from addresses import loopback
from programs import program
from run import Run
from stage import Pipeline
from xds_client import Stream, World

PORTOLAN = program("portolan")
ACCEPTED, HELD, MISUSED, LATE, NO_ANSWER = range(5)


def wait(runtime_dir, *words, timeout="20s"):
    done = subprocess.run([PORTOLAN, "wait", f"--runtime-dir={runtime_dir}", f"--timeout={timeout}", *words],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with Run(tmp_path_factory.mktemp("wait"), address=loopback()) as r:
        r.manifests.write("web.yaml", *objects.app("web", "127.0.0.1", 9, "web.example.com"))
        yield r


def test_it_returns_when_envoy_has_what_was_just_written(run):
    run.manifests.write("new.yaml", objects.ingress(
        "new", objects.rule("new.example.com", objects.path("web"))))
    code, out = wait(run.dir, "ingress/new")
    assert code == ACCEPTED and out.startswith("Ingress default/new: accepted by 1 Envoy, world "), out
    world = int(out.split("world ")[1].split(",")[0])
    rows = run.ask("xds-server", "/debug/envoys")
    assert [r["acked_source"] >= world for r in rows] == [True]


def test_all(run):
    code, out = wait(run.dir, "--all", "-o", "json")
    answer = json.loads(out)
    assert (code, answer["state"], answer["accepted"]) == (ACCEPTED, "accepted", True)
    assert [e["answered"] for e in answer["envoys"]] == [True]


def test_what_is_rejected_is_said_with_its_reason(run):
    run.manifests.write("bad.yaml", objects.ingress(
        "bad", objects.rule("bad.example.com", objects.path("gone"))))
    code, out = wait(run.dir, "ingress/default/bad")
    assert code == HELD and "rejected" in out.splitlines()[0] and "Service default/gone" in out, out
    code, out = wait(run.dir, "--all")
    assert code == HELD and "Ingress default/bad: " in out, out
    run.manifests.remove("bad.yaml")
    assert wait(run.dir, "--all")[0] == ACCEPTED


def test_a_newest_version_that_cannot_be_read_is_not_taken_for_the_one_before(run):
    run.manifests.write("typed.yaml", objects.ingress("typed", objects.rule("t.example", objects.path("web"))))
    assert wait(run.dir, "ingress/typed")[0] == ACCEPTED
    broken = objects.ingress("typed", objects.rule("t.example", objects.path("web")))
    broken["spec"]["rules"] = "none"
    run.manifests.write("typed.yaml", broken)
    code, out = wait(run.dir, "ingress/typed")
    assert code == HELD and "spec.rules" in out, out
    run.manifests.remove("typed.yaml")


def test_what_is_not_ours_is_ignored(run):
    run.manifests.write("other.yaml", objects.ingress(
        "other", objects.rule("o.example", objects.path("web")), klass="other"))
    code, out = wait(run.dir, "ingress/other")
    assert code == HELD and "ignored" in out, out
    run.manifests.remove("other.yaml")


def test_what_is_not_there_is_waited_for(run):
    code, out = wait(run.dir, "ingress/nowhere", timeout="300ms")
    assert code == LATE and "not seen yet" in out, out
    waiting = subprocess.Popen([PORTOLAN, "wait", f"--runtime-dir={run.dir}", "ingress/later"],
                               stdout=subprocess.PIPE, text=True)
    run.manifests.write("later.yaml", objects.ingress(
        "later", objects.rule("later.example.com", objects.path("web"))))
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == ACCEPTED and "accepted by 1 Envoy" in out


def test_a_generation_that_is_still_to_come(run):
    known = objects.ingress("counted", objects.rule("c.example", objects.path("web")))
    known["metadata"]["generation"] = 3
    run.manifests.write("counted.yaml", known)
    assert wait(run.dir, "ingress/counted", "--generation=3")[0] == ACCEPTED
    code, out = wait(run.dir, "ingress/counted", "--generation=4", timeout="300ms")
    assert code == LATE and "generation 4 is not seen yet: the watcher has 3" in out, out
    # What can never come is not waited for.
    for name in ("ingress/web", "service/web"):
        code, out = wait(run.dir, name, "--generation=1", timeout="5m")
        assert code == LATE and "leave --generation out" in out, out


def test_other_kinds(run):
    assert wait(run.dir, "service/web")[0] == ACCEPTED
    # Nothing that Envoy is sent depends on it.
    run.manifests.write("class.yaml", objects.ingress_class())
    code, out = wait(run.dir, "ingressclass/portolan")
    assert code == HELD and out == "IngressClass portolan: ignored\n", out
    run.manifests.remove("class.yaml")


# ---- Envoys that are scripts ----

def test_without_an_envoy(pipeline):
    pipeline.write("good.yaml", *objects.app("good", "10.0.0.1", 8080))
    code, out = wait(pipeline.dir, "ingress/good", timeout="300ms")
    assert code == LATE and "no Envoy is connected that is to have it" in out, out


def test_an_envoy_that_refuses_is_named(pipeline):
    pipeline.write("good.yaml", *objects.app("good", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        pipeline.xds.wait_accepted(pipeline.settle())
        assert wait(pipeline.dir, "ingress/good")[0] == ACCEPTED
        world.refuse = lambda response: "not to my taste" if any(
            "bad.example.com" in h.domains for r in response.resources.values()
            for h in getattr(r, "virtual_hosts", ())) else None
        pipeline.write("bad.yaml", objects.ingress("bad", objects.rule("bad.example.com", objects.path("good"))))
        world.until(lambda w: w.refused)
        world.quiet()
        code, out = wait(pipeline.dir, "ingress/bad")
        assert code == HELD and "Envoys refuse what it makes" in out and "not to my taste" in out, out
        assert wait(pipeline.dir, "ingress/good")[0] == ACCEPTED


def test_an_envoy_that_lags_is_named(pipeline):
    pipeline.write("good.yaml", *objects.app("good", "10.0.0.1", 8080))
    with World(pipeline.xds_address) as world:
        world.quiet()
        pipeline.xds.wait_accepted(pipeline.settle())
        # The client answers only while it is asked to.
        pipeline.write("new.yaml", objects.ingress("new", objects.rule("new.example.com", objects.path("good"))))
        code, out = wait(pipeline.dir, "ingress/new", timeout="500ms")
        assert code == LATE and "1 of 1 Envoys have not accepted world" in out and "  Envoy " in out, out
        world.quiet()
        assert wait(pipeline.dir, "ingress/new")[0] == ACCEPTED


def test_bad_usage_and_nothing_that_runs(folder):
    def misused(*words):
        return subprocess.run([PORTOLAN, "wait", *words], capture_output=True, text=True, timeout=60)

    for words in ((), ("--all", "ingress/x"), ("nothing",), ("ingress/a/b/c",), ("ingress/a/",), ("deployment/x",), ("--timeout=x", "--all"),
                  ("--generation=0", "ingress/x"), ("--generation=1", "--all"), ("-o", "xml", "--all")):
        assert misused(*words).returncode == MISUSED, words
    assert wait(folder / "nowhere", "--all")[0] == NO_ANSWER


def test_an_envoy_of_another_fleet_is_not_waited_for(folder):
    with Pipeline(folder) as pipeline:
        pipeline.xds.args = []  # a Unix socket, where an Envoy's word about its fleet counts
        pipeline.start()
        pipeline.write("good.yaml", *objects.app("good", "10.0.0.1", 8080))
        with Stream(pipeline.xds_address, node="lost", cluster="portolan://fleet/no/such") as lost:
            lost.subscribe("CDS")
            code, out = wait(pipeline.dir, "ingress/good", timeout="300ms")
            assert code == LATE and "no Envoy is connected that is to have it" in out, out
            with World(pipeline.xds_address) as world:
                world.quiet()
                code, out = wait(pipeline.dir, "ingress/good")
                assert code == ACCEPTED and "accepted by 1 Envoy," in out, out
