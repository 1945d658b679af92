"""One node, with the chart on it, for all tests of this folder: they share it, in the order of the
file, because to make it takes a minute. Each file says `pytestmark =
pytest.mark.xdist_group("node")`."""

import pathlib
import shutil
import tempfile

import pytest

import node as nodes
from netns import Unavailable
from node_site import Application, Site
from programs import SANITIZED, missing


@pytest.fixture(scope="session")
def node():
    if SANITIZED:
        pytest.skip("sanitizers need shared libraries and privileges that a container has not")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portolan-node-"))
    try:
        nodes.needed()
        images = nodes.write_images(folder / "images")
        with nodes.Node(folder, images) as running:
            shutil.rmtree(folder / "images")
            yield running
    except Unavailable as reason:
        missing(str(reason))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def application(node):
    running = Application(node)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def installed(node, application):
    site = Site(node)
    try:
        site.wait_ready()
        site.serve(application)
        yield site
    finally:
        site.close()
