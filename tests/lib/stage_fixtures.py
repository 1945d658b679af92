"""Stages, alone or with an Envoy, as fixtures that tests of any folder may ask for."""

import pathlib
import shutil
import tempfile

import pytest

import nginx
from addresses import loopback
from backends import Backend, Client
from envoy_process import Envoy
from events import PATIENCE
from resources import ServerAlone
from stage import Pipeline


@pytest.fixture
def folder():
    """A short path: Unix socket addresses hold 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def pipeline(folder):
    """Watcher, translator and xds-server over an empty folder of manifests."""
    with Pipeline(folder) as running:
        yield running.start()


@pytest.fixture
def server(folder):
    """A running xds-server whose translator is the test."""
    with ServerAlone(folder / "run") as alone:
        yield alone.start()


class Site:
    """A pipeline with a real Envoy, backends, and a client."""

    def __init__(self, folder, **options):
        self.folder = folder
        self.address = loopback()
        self.pipeline = Pipeline(folder / "portolan", http=self.address, **options)
        self.client = Client(self.address)
        self.backends = {}
        self.envoy = None

    def backend(self, name, reply=None, **tls):
        self.backends[name] = Backend(name, self.address, reply, **tls)
        return self.backends[name]

    def start(self, which="newest"):
        self.pipeline.start()
        self.envoy = Envoy(self.folder, self.pipeline.xds_address, which,
                           bootstrap=("--check-path", self.pipeline.dir / "check.sock"))
        self.envoy.start()
        return self

    def settle(self, timeout=PATIENCE):
        """Until Envoy has accepted the present world."""
        source = self.pipeline.settle()
        self.pipeline.xds.wait_accepted(source, timeout=timeout)
        return source

    def write(self, name, *objects):
        self.pipeline.manifests.write(name, *objects)
        return self.settle()

    def remove(self, name):
        self.pipeline.manifests.remove(name)
        return self.settle()

    def get(self, *args, **kwargs):
        return self.client.get(*args, **kwargs)


def _site(folder, **options):
    (folder / "portolan").mkdir()
    site = Site(folder, **options)
    with site.pipeline:
        yield site
        if site.envoy:
            site.envoy.close()
    for backend in site.backends.values():
        backend.close()


@pytest.fixture
def site(folder):
    yield from _site(folder)


@pytest.fixture(scope="module")
def shared_site():
    """One that runs, for all tests of a file: each has hosts, backends and a file of manifests of its own."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    for site in _site(path):
        yield site.start()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def nginx_settings():
    """A file of tests may have its own."""
    return nginx.SETTINGS


@pytest.fixture(scope="module", params=["newest", "oldest"])
def nginx_site(request, nginx_settings):
    """As shared_site, with ingress-nginx's Ingresses served (tests/lib/nginx.py), by each Envoy."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    (path / "config.yaml").write_text(nginx_settings)
    for site in _site(path, watcher=("--config", path / "config.yaml")):
        yield site.start(request.param)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module", params=["newest", "oldest"])
def nginx_sites(request):
    """As nginx_site, once with each Envoy."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    (path / "config.yaml").write_text(nginx.SETTINGS)
    for site in _site(path, watcher=("--config", path / "config.yaml")):
        yield site.start(request.param)
    shutil.rmtree(path, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """When a test fails, its logs are part of the report."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for fixture in ("pipeline", "site", "shared_site", "nginx_site", "nginx_sites", "server"):
            found = item.funcargs.get(fixture) if hasattr(item, "funcargs") else None
            if found is None:
                continue
            stages = getattr(found, "pipeline", found)
            stages = stages.stages.values() if hasattr(stages, "stages") else [stages.stage]
            for stage in stages:
                report.sections.append((f"log of {stage.name}", stage.logged()[-4000:]))
            if getattr(found, "envoy", None):
                report.sections.append(("log of envoy", found.envoy.logged()[-3000:]))
