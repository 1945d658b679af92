"""pytest's fixtures for network namespaces (netns.py) and a real Kubernetes API server (kube.py).

One server serves all tests of a session that ask for `kube`: they share it, each in a `namespace`
of its own, and do not break it. Who has to, asks for `own_kube`.
"""

import itertools

import pytest

from kube import KubeCluster
from netns import NetworkNamespace, Unavailable
from programs import missing

namespaces = itertools.count(1)


def make(what, *args, **options):
    try:
        return what(*args, **options)
    except Unavailable as reason:
        missing(str(reason))


# A wrapper, because pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Keep what shares the server in one worker of pytest-xdist: one server is enough."""
    for item in items:
        if "shared_kube" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("kube"))
    return (yield)


@pytest.fixture
def netns():
    """A network namespace with nothing in it."""
    with make(NetworkNamespace) as namespace:
        yield namespace


@pytest.fixture(scope="session")
def shared_kube(tmp_path_factory):
    with make(KubeCluster, tmp_path_factory.mktemp("kube")) as cluster:
        yield cluster


@pytest.fixture
def kube(shared_kube):
    """The session's KubeCluster, running."""
    shared_kube.ensure_running()
    return shared_kube


@pytest.fixture
def namespace(kube):
    """The name of a fresh Kubernetes namespace, deleted with all in it after the test."""
    name = f"test-{next(namespaces)}"
    kube.create_namespace(name)
    yield name
    kube.ensure_running()
    kube.delete_namespace(name)


@pytest.fixture
def own_kube(tmp_path, request):
    """A KubeCluster for one test alone, to kill, rewind and starve as it likes.

    @pytest.mark.parametrize("own_kube", [["--flag"]], indirect=True) gives the server flags.
    """
    flags = getattr(request, "param", ())
    with make(KubeCluster, tmp_path, apiserver_flags=flags) as cluster:
        yield cluster
