"""Another build and this one in turn on the same runtime directory, while clients shake hands with a living
Envoy all the time: none fails, and nothing is sent that did not change.

Envoy knows a Secret again by the bytes of its ConfigSource: where a release writes others, a listener can go
active without a certificate (envoyproxy/envoy#47309; tests/functional/test_secret_identity.py pins the bytes).
"""

import pathlib
import subprocess

import pytest

from backends import Client, Load
from certs import Authority
from events import Deadline
from objects import ingress, path, port, rule, service, slice_of, tls_secret
from programs import TOP, missing
from xds_client import StreamEnded, World

PATIENCE = 60
HOSTS = ("one", "two", "three")
TYPES = ("CDS", "EDS", "LDS", "RDS", "SDS", "SRDS")


@pytest.fixture(scope="module")
def previous():
    """The folder of an older build's stages."""
    done = subprocess.run([TOP / "scripts/previous-build"], text=True, capture_output=True)
    if done.returncode:
        missing(f"no older build: {done.stderr.strip()}")
    [found] = pathlib.Path(done.stdout.strip()).rglob("portolan-xds-server")
    return found.parent


class Witness:
    """A client that comes back with its resources, as Envoy does, and knows which are sent anew."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.world = World(pipeline.xds_address, node="witness", types=TYPES, envoy=(1, 40))
        self.world.quiet(PATIENCE)

    def come_back(self):
        """{type: names}: resources that were sent unchanged."""
        old = self.world
        old.close()
        self.world = World(self.pipeline.xds_address, node="witness", types=TYPES, envoy=(1, 40), have=old.snapshot())
        self.world.resources = {t: dict(r) for t, r in old.resources.items()}
        self.world._follow()
        self.world.quiet(PATIENCE)
        sent = {t: {n: m for r in self.world.log if r.type == t for n, m in r.resources.items()} for t in TYPES}
        same = {t: {n for n, m in sent[t].items() if m == old.resources[t].get(n)} for t in TYPES}
        # Envoy waits for the endpoints of a cluster that has changed.
        changed = {c.eds_cluster_config.service_name or n for n, c in sent["CDS"].items() if n not in same["CDS"]}
        same["EDS"] -= changed
        return {t: names for t, names in same.items() if names}


class Living:
    """A pipeline that changes under an Envoy, and clients that make a new connection for each request."""

    def __init__(self, site, which, form, build):
        self.site, self.form = site, form
        self.authority = Authority()
        backend = site.backend("web")
        for name in HOSTS:
            host = f"{name}.example.com"
            site.pipeline.manifests.write(
                f"{name}.yaml", ingress(name, rule(host, path(name)), tls=[(name, host)]),
                service(name, port(80, target=backend.port)), slice_of(name, backend.port, backend.address),
                tls_secret(name, self.authority.issue(host)))
        self.to(build, form)
        site.start(which)
        site.settle(PATIENCE)
        site.pipeline.xds.keep_address()
        self.witness = Witness(site.pipeline)
        client = Client(site.address, ca=self.authority.text)
        for name in HOSTS:
            end = Deadline(PATIENCE)
            while client.get(f"{name}.example.com", tls=True).status != 200:
                end.left(f"{name} served")
        self.loads = [Load(client, f"{name}.example.com", tls=True, threads=1, per_connection=1) for name in HOSTS]

    def to(self, build, form):
        """From the next start on."""
        for stage in self.site.pipeline.stages.values():
            stage.installed = build
        translator = self.site.pipeline.translator
        if "--tls-hosts" in translator.args:
            at = translator.args.index("--tls-hosts")
            del translator.args[at:at + 2]
        translator.args += ["--tls-hosts", form]

    def listeners(self):
        return self.site.envoy.stats("^listener_manager.listener_(added|modified|in_place_updated|removed)$")

    def change(self, build, form, stages):
        """Each stage ends and comes back as the other build's; returns the resources sent
        unchanged."""
        self.to(build, form)
        pipeline, before = self.site.pipeline, self.listeners()
        for name in stages:
            stage = pipeline.stages[name]
            stage.restart(ready=False)
            stage.wait_ready()
            self.more()
        self.site.settle(PATIENCE)
        needless = self.witness.come_back()
        self.more()
        listeners = any(r.type == "LDS" and (r.resources or r.removed) for r in self.witness.world.log)
        assert listeners or self.listeners() == before
        return needless

    def more(self):
        for load in self.loads:
            load.more(10, timeout=PATIENCE)
            assert load.failed == []

    def __enter__(self):
        for load in self.loads:
            load.__enter__()
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.__exit__()
        self.witness.world.close()


FORWARD = ("watcher", "translator", "xds-server")
BACKWARD = FORWARD[::-1]


@pytest.mark.parametrize("which", ["newest", "oldest"])
@pytest.mark.parametrize("form", ["chains", "shared"])
def test_an_upgrade_and_the_way_back_fail_no_handshake_and_send_nothing_needless(site, previous, form, which):
    with Living(site, which, form, previous) as living:
        assert living.change(None, form, FORWARD) == {}
        assert living.change(previous, form, BACKWARD) == {}
        assert living.change(None, form, BACKWARD) == {}
    assert [load.failed for load in living.loads if load.failed] == []


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_an_upgrade_to_another_form_of_hosts_fails_no_handshake(site, previous, which):
    with Living(site, which, "chains", previous) as living:
        assert living.change(None, "shared", FORWARD) == {}
        assert living.change(None, "chains", ["translator"]) == {}
        assert living.change(previous, "shared", BACKWARD) == {}
        assert living.change(None, "chains", FORWARD) == {}
    assert [load.failed for load in living.loads if load.failed] == []
