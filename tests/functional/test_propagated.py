"""`portolan.status.propagated`: statuses say whether all connected Envoys have accepted an object."""

import json
import signal
import subprocess
import time

import pytest

import gateway_objects as api
import objects
from events import Growing
from programs import program
from stage import Pipeline
from xds_client import World

ON, OFF = "portolan: {status: {propagated: true}}\n", "portolan: {status: {propagated: false}}\n"
ARRIVED, REFUSED, REJECTED, PENDING = (("True", "Accepted"), ("False", "RejectedByEnvoy"), ("False", "Rejected"),
                                       ("Unknown", "Pending"))


def proxy(name, generation=1):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": name, "namespace": "default", "generation": generation},
            "spec": {"virtualhost": {"fqdn": f"{name}.example"},
                     "routes": [{"services": [{"name": "good", "port": 80}],
                                 "timeoutPolicy": {"response": f"{generation}s"}}]}}


def said(pipeline, kind, name):
    """(status, reason) and the generation; None without a word on it."""
    status = next(s for s in json.loads(pipeline.translator.get("/debug/statuses"))
                  if (s["kind"], s["name"]) == (kind, name))
    c = status.get("propagated")
    return c and ((c["status"], c["reason"]), c.get("observedGeneration"))


def wait_said(pipeline, wanted, kind, name, generation=1):
    """A word follows a moment after Envoys' answers, or when they take long."""
    until = time.monotonic() + 60
    while said(pipeline, kind, name) != (wanted, generation):
        assert time.monotonic() < until, said(pipeline, kind, name)
        # Blocks for that long: there is no such world.
        pipeline.translator.ask("/debug/wait?source=18446744073709551615&timeout_ms=50")


def configure(pipeline, text):
    with Growing(pipeline.watcher.log) as log:
        pipeline.config.write_text(text)
        pipeline.watcher.process.send_signal(signal.SIGHUP)
        log.wait_for("was read again")
    pipeline.settle()


def refuse(domain):
    return lambda response: "not to my taste" if any(
        domain in h.domains for r in response.resources.values() for h in getattr(r, "virtual_hosts", ())) else None


@pytest.fixture
def pipeline(folder):
    config = folder / "portolan.yaml"
    config.write_text(ON)
    with Pipeline(folder, watcher=["--config", config]) as p:
        p.start()
        p.config = config
        p.write("app.yaml", *objects.app("good", "10.0.0.1", 8080))
        yield p


def test_it_is_said_when_envoys_have_accepted_and_again_of_the_next_generation(pipeline):
    with World(pipeline.xds_address) as world:
        world.quiet()
        # The client answers only while it is asked to.
        pipeline.write("p.yaml", proxy("p"))
        assert said(pipeline, "HTTPProxy", "p") is None
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p")
        # Until Envoys answer, the word is about the generation before.
        pipeline.write("p.yaml", proxy("p", generation=2))
        assert said(pipeline, "HTTPProxy", "p") == (ARRIVED, 1)
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p", 2)
        shown = subprocess.run([program("portolan"), "status", f"--runtime-dir={pipeline.dir}", "HTTPProxy/default/p"],
                               capture_output=True, text=True, timeout=60).stdout
        assert "  Propagated: True, Accepted, of generation 2: all connected Envoys have accepted it\n" in shown, shown
        # An Ingress of a file has no number: a change of it takes the word back.
        wait_said(pipeline, ARRIVED, "Ingress", "good", None)
        pipeline.write("app.yaml", *objects.app("good", "10.0.0.1", 8080, "good.example.net"))
        assert said(pipeline, "Ingress", "good") is None
        world.quiet()
        wait_said(pipeline, ARRIVED, "Ingress", "good", None)
        # It went: so does the word, and one that comes in its place is told by itself.
        pipeline.remove("p.yaml")
        pipeline.write("p.yaml", proxy("p", generation=2))
        assert said(pipeline, "HTTPProxy", "p") is None
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p", 2)
        # A new translator finds it arrived.
        pipeline.translator.restart()
        pipeline.settle()
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p", 2)


def test_one_envoy_that_lags_is_enough_to_wait_for(pipeline):
    with World(pipeline.xds_address, node="swift") as swift, World(pipeline.xds_address, node="slow") as slow:
        swift.quiet()
        slow.quiet()
        pipeline.write("p.yaml", proxy("p"))
        swift.quiet()
        wait_said(pipeline, PENDING, "HTTPProxy", "p")
        slow.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p")


def test_a_refusal_is_said_of_its_object_alone(pipeline):
    with World(pipeline.xds_address) as world:
        world.quiet()
        world.refuse = refuse("bad.example")
        pipeline.write("two.yaml", proxy("bad"), proxy("p"))
        world.until(lambda w: w.refused)
        for _ in range(3):
            world.quiet()
            pipeline.xds.wait_answered(pipeline.settle())
        wait_said(pipeline, REFUSED, "HTTPProxy", "bad")
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p")


def test_what_is_rejected_here_has_not_arrived(pipeline):
    with World(pipeline.xds_address) as world:
        world.quiet()
        pipeline.write("p.yaml", proxy("p"))
        world.quiet()
        bad = proxy("p", generation=2)
        bad["spec"]["virtualhost"]["fqdn"] = "*"
        pipeline.write("p.yaml", bad)
        wait_said(pipeline, REJECTED, "HTTPProxy", "p", 2)
        pipeline.write("p.yaml", proxy("p", generation=3))
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p", 3)


def test_it_can_be_turned_on_and_off(pipeline):
    with World(pipeline.xds_address) as world:
        world.quiet()
        wait_said(pipeline, ARRIVED, "Ingress", "good", None)
        configure(pipeline, OFF)
        pipeline.write("p.yaml", proxy("p"))
        world.quiet()
        assert said(pipeline, "Ingress", "good") is None and said(pipeline, "HTTPProxy", "p") is None
        configure(pipeline, ON)
        world.quiet()
        wait_said(pipeline, ARRIVED, "HTTPProxy", "p")


def test_only_the_envoys_of_its_fleets_count(folder):
    config = folder / "portolan.yaml"
    config.write_text("portolan: {status: {propagated: true}, gateway: {provisioning: true}}\n")
    with Pipeline(folder, watcher=["--config", config]) as pipeline:
        pipeline.xds.args = []
        pipeline.start()
        route = api.route("r", api.rule(api.backend("good")), parents=[{"name": "a"}])
        route["metadata"]["generation"] = 5
        with World(pipeline.xds_address, node="of-default") as plain:
            plain.quiet()
            pipeline.write("web.yaml", api.CLASS, objects.service("good", objects.port(80)),
                           *(api.gateway(name, api.listener("http", 8090)) for name in "ab"), route, proxy("p"))
            plain.quiet()
            wait_said(pipeline, ARRIVED, "HTTPProxy", "p")
            assert said(pipeline, "HTTPRoute", "r") is None
            with World(pipeline.xds_address, node="of-a", cluster="portolan://fleet/default/a") as member, \
                    World(pipeline.xds_address, node="of-b", cluster="portolan://fleet/default/b"):
                member.quiet()
                wait_said(pipeline, ARRIVED, "HTTPRoute", "r", 5)
